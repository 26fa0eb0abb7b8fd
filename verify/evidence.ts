import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Something sent and what came back, or a command and what it said. */
export type Exchange = Readonly<Record<string, unknown>>;

/** Bodies and outputs are cut there: enough to see what it was. */
const KEPT_CHARACTERS = 8_000;
/** A check that asks again and again is known well enough by its first and last times. */
const KEPT_FIRST = 100;
const KEPT_LAST = 100;

/** What one check sent and got. */
export class Evidence {
  readonly #first: Exchange[] = [];
  #last: Exchange[] = [];
  #leftOut = 0;

  add(exchange: Exchange): void {
    const kept = { at: new Date().toISOString(), ...exchange };
    if (this.#first.length < KEPT_FIRST) {
      this.#first.push(kept);
      return;
    }
    this.#last.push(kept);
    if (this.#last.length <= KEPT_LAST) return;
    this.#last.shift();
    this.#leftOut += 1;
  }

  get exchanges(): readonly Exchange[] {
    const gap = this.#leftOut === 0 ? [] : [{ leftOut: this.#leftOut }];
    return [...this.#first, ...gap, ...this.#last];
  }
}

/** The beginning of a long text. */
export function cut(text: string): string {
  return text.length > KEPT_CHARACTERS ? `${text.slice(0, KEPT_CHARACTERS)} … (${text.length} characters)` : text;
}

/** Writes a file of evidence; its name is given back. */
export function keep(directory: string, name: string, content: object): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}
