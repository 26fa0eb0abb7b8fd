import type { PayloadStore } from '../../ports/payloads.js';
import type { GroupCommit } from './group-commit.js';
import type { Database, Statement } from './sqlite.js';

/** `PayloadStore` in the data file. */
export class EmbeddedPayloads implements PayloadStore {
  readonly #group: GroupCommit;
  readonly #put: Statement;
  readonly #get: Statement;
  readonly #remove: Statement;

  constructor(database: Database, group: GroupCommit) {
    this.#group = group;
    this.#put = database.prepare('INSERT INTO payloads (name, content) VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#get = database.prepare('SELECT content FROM payloads WHERE name = ?');
    this.#remove = database.prepare('DELETE FROM payloads WHERE name = ?');
  }

  async put(name: string, content: string): Promise<void> {
    await this.#group.write(() => this.#put.run(name, content));
  }

  get(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#group.read(() => {
      const found = new Map<string, string>();
      for (const name of names) {
        const row = this.#get.get(name) as { content: string } | undefined;
        if (row !== undefined) found.set(name, row.content);
      }
      return found;
    });
  }

  async remove(names: readonly string[]): Promise<void> {
    await this.#group.write(() => {
      for (const name of names) this.#remove.run(name);
    });
  }
}
