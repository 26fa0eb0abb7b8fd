import type { Clock } from '../../ports/clock.js';
import { type ApiKey, KEY_KEPT_MS, type KeyDraft, type KeyList, type KeyStore, type LiveKey, type Scope } from '../../ports/keys.js';
import type { GroupCommit } from './group-commit.js';
import type { Database } from './sqlite.js';

interface KeyRow {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: string;
  readonly digest: string;
  readonly created_by: string;
  readonly created_at: number;
  readonly ends_at: number | null;
  readonly ended_by: string | null;
  readonly replaces: string | null;
}

/** `KeyStore` on the data file. */
export class EmbeddedKeys implements KeyStore {
  readonly #group: GroupCommit;
  readonly #clock: Clock;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(database: Database, group: GroupCommit, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
    this.#sql = prepare(database);
  }

  add(draft: KeyDraft): Promise<ApiKey> {
    const { id, tenant, name, scopes, digest, createdBy, livesMs, replaces } = draft;
    return this.#group.write(() => {
      const now = this.#clock.now();
      const endsAt = livesMs === null ? null : now + livesMs;
      this.#sql.forget.run(tenant, now - KEY_KEPT_MS);
      this.#sql.add.run(id, tenant, name, JSON.stringify(scopes), digest, createdBy, now, endsAt, replaces);
      return toKey(this.#sql.get.get(id) as KeyRow);
    });
  }

  live(id: string): Promise<LiveKey | null> {
    return this.#group.read(() => {
      const row = this.#sql.get.get(id) as KeyRow | undefined;
      if (row === undefined) return null;
      const leftMs = row.ends_at === null ? null : row.ends_at - this.#clock.now();
      return leftMs !== null && leftMs <= 0 ? null : { key: toKey(row), leftMs };
    });
  }

  list({ tenant, limit, after }: KeyList): Promise<readonly ApiKey[]> {
    const { createdAt, id } = after ?? { createdAt: Number.MAX_SAFE_INTEGER, id: '' };
    return this.#group.read(() => (this.#sql.list.all(tenant, createdAt, id, limit) as KeyRow[]).map(toKey));
  }

  end({ tenant, id }: { readonly tenant: string; readonly id: string }, inMs: number, by: string): Promise<ApiKey | null> {
    return this.#group.write(() => {
      const endsAt = this.#clock.now() + inMs;
      this.#sql.end.run(endsAt, by, tenant, id, endsAt);
      const row = this.#sql.get.get(id) as KeyRow | undefined;
      return row === undefined || row.tenant !== tenant ? null : toKey(row);
    });
  }
}

function prepare(database: Database) {
  const fields = 'id, tenant, name, scopes, digest, created_by, created_at, ends_at, ended_by, replaces';
  return {
    add: database.prepare(`INSERT INTO api_keys (id, tenant, name, scopes, digest, created_by, created_at, ends_at, replaces)
      VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`),
    get: database.prepare(`SELECT ${fields} FROM api_keys WHERE id = ?`),
    list: database.prepare(
      `SELECT ${fields} FROM api_keys WHERE tenant = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?`,
    ),
    // Only ever brought forward.
    end: database.prepare('UPDATE api_keys SET ends_at = ?, ended_by = ? WHERE tenant = ? AND id = ? AND (ends_at IS NULL OR ends_at > ?)'),
    forget: database.prepare('DELETE FROM api_keys WHERE tenant = ? AND ends_at <= ?'),
  };
}

function toKey(row: KeyRow): ApiKey {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    scopes: JSON.parse(row.scopes) as Scope[],
    digest: row.digest,
    createdBy: row.created_by,
    createdAt: row.created_at,
    endsAt: row.ends_at,
    endedBy: row.ended_by,
    replaces: row.replaces,
  };
}
