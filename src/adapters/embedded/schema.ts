import { MESSAGE_TABLES } from './message-schema.js';
import type { Database } from './sqlite.js';
import { STREAM_DEAD_BY_ORDER, STREAM_TABLES } from './stream-schema.js';

/** "SgBx": tells our file from any other program's. Never changes. */
export const APPLICATION_ID = 0x53674278;

/**
 * How the file came to its present shape; an entry that was released is never edited, a change is a new entry.
 * `user_version` says how many were applied.
 */
const MIGRATIONS: readonly string[] = [
  `
  -- The hot part of a record: what is queried, compared and set. It is rewritten several times in a record's life, so
  -- the immutable content, which may be large, is kept apart. seq is the row's short name in the other tables.
  CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    workload TEXT NOT NULL,
    user_id TEXT,
    status TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    due_at INTEGER,
    published_at INTEGER,
    locked_by TEXT,
    lock_token INTEGER NOT NULL DEFAULT 0,
    locked_at INTEGER,
    locked_until INTEGER,
    claim_id TEXT,
    claims INTEGER NOT NULL DEFAULT 0,
    barren_claims INTEGER NOT NULL DEFAULT 0,
    -- What was committed under the present token, as ' seq:version seq:version'.
    commits TEXT NOT NULL DEFAULT '',
    cancel_requested_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    UNIQUE (tenant, id)
  ) STRICT;
  CREATE INDEX records_newest ON records (tenant, workload, created_at, id);
  CREATE INDEX records_of_user ON records (tenant, user_id, workload, created_at, id) WHERE user_id IS NOT NULL;
  -- Lists of the few that did not end well must not read past all that did.
  CREATE INDEX records_unusual ON records (tenant, workload, status, created_at, id)
    WHERE status NOT IN ('queued', 'processing', 'delivered');
  -- The outbox: open records whose wake-up is pending, and those whose wake-up is out.
  -- published_at is NULL in all of it, and there so that counting need not look into the rows.
  CREATE INDEX records_pending ON records (urgent, due_at, published_at)
    WHERE due_at IS NOT NULL AND published_at IS NULL;
  CREATE INDEX records_published ON records (published_at, due_at) WHERE due_at IS NOT NULL AND published_at IS NOT NULL;

  CREATE TABLE contents (record INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;

  CREATE TABLE deliveries (
    record INTEGER NOT NULL,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    place INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    settled_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (record, channel, recipient)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX deliveries_by_id ON deliveries (tenant, id);
  CREATE INDEX deliveries_on_the_desk ON deliveries (tenant, status, settled_at, id) WHERE status IN ('dead', 'held');

  -- How many deliveries are in each status.
  CREATE TABLE tallies (status TEXT PRIMARY KEY, deliveries INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  -- Append-only. (record, version) names the write that appended; n is the place within it.
  CREATE TABLE ledger (
    record INTEGER NOT NULL,
    version INTEGER NOT NULL,
    n INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    result TEXT,
    entry TEXT NOT NULL,
    PRIMARY KEY (record, version, n)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX ledger_delivered_once ON ledger (tenant, operation_id) WHERE result = 'delivered';

  -- Append-only; one row holds all events of one write, as a JSON array.
  CREATE TABLE events (
    record INTEGER NOT NULL,
    version INTEGER NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (record, version)
  ) STRICT, WITHOUT ROWID;

  -- The durable queue. A row stays until its wake-up is acked; who has taken it is known only to the living process.
  CREATE TABLE wake_ups (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    workload TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    UNIQUE (tenant, id)
  ) STRICT;
  `,
  `
  -- Lists by status must not read past all that were delivered, which is where most records rest and stay. Those leave
  -- these two indexes, so that they are as small as what is open or did not end well.
  DROP INDEX records_unusual;
  CREATE INDEX records_undelivered ON records (tenant, workload, status, created_at, id) WHERE status <> 'delivered';
  CREATE INDEX records_undelivered_of_user ON records (tenant, user_id, workload, status, created_at, id)
    WHERE user_id IS NOT NULL AND status <> 'delivered';
  `,
  `
  CREATE TABLE people (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- The version whose change is applied to what waits; behind the version: still to be done.
    applied INTEGER NOT NULL DEFAULT 0,
    choices TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX people_changed ON people (updated_at) WHERE applied < version;

  CREATE TABLE inbox (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    operation_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    item TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX inbox_once ON inbox (tenant, operation_id);
  CREATE INDEX inbox_unread ON inbox (tenant, user_id, seq) WHERE read_at IS NULL;
  -- The last number that each inbox has given out: one that was removed must not come back.
  CREATE TABLE inboxes (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id)
  ) STRICT, WITHOUT ROWID;

  -- What people did, found again without reading all events. n is the event's place within its write.
  CREATE TABLE audit (
    record INTEGER NOT NULL,
    version INTEGER NOT NULL,
    n INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (record, version, n)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX audit_newest ON audit (tenant, at, record, version, n);

  -- Whose work a wake-up is for, so that one user's flood does not stand before everybody else's.
  ALTER TABLE wake_ups ADD COLUMN user_id TEXT;
  `,
  `
  -- What waits for one user is read without reading past what waits for all others.
  CREATE INDEX wake_ups_of_user ON wake_ups (urgent, tenant, user_id, seq);
  `,
  `
  -- The desk: one row for each delivery that is dead or held, with what people filter, group and page by. Beside the
  -- deliveries and not in them: it is written only when one comes to the desk or leaves it, the hot rows stay as they are.
  CREATE TABLE desk (
    tenant TEXT NOT NULL,
    status TEXT NOT NULL,
    settled_at INTEGER NOT NULL,
    id TEXT NOT NULL,
    record INTEGER NOT NULL,
    workload TEXT NOT NULL,
    channel TEXT NOT NULL,
    user_id TEXT,
    code TEXT,
    fingerprint TEXT,
    PRIMARY KEY (tenant, status, settled_at, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX desk_of_cause ON desk (tenant, status, fingerprint, settled_at, id);
  CREATE INDEX desk_of_code ON desk (tenant, status, code, settled_at, id);
  CREATE INDEX desk_of_user ON desk (tenant, status, user_id, settled_at, id);
  INSERT INTO desk SELECT d.tenant, d.status, coalesce(d.settled_at, 0), d.id, d.record, r.workload, d.channel, r.user_id,
    json_extract(d.body, '$.failure.code'), json_extract(d.body, '$.fingerprint')
    FROM deliveries d JOIN records r ON r.seq = d.record WHERE d.status IN ('dead', 'held');
  DROP INDEX deliveries_on_the_desk;

  -- The operation on many that an audited event was part of, so that it can be said how far it has got.
  ALTER TABLE audit ADD COLUMN operation TEXT;
  CREATE INDEX audit_of_operation ON audit (tenant, operation) WHERE operation IS NOT NULL;
  -- Filtered in the index: one person's few doings among the many of an operation on many.
  DROP INDEX audit_newest;
  CREATE INDEX audit_newest ON audit (tenant, at, record, version, n, action, actor);
  `,
  `
  -- What rests and needs nobody, in the order in which it came to rest: what has rested long enough is removed. Those
  -- among the 'partial' that have something on the desk are passed over.
  CREATE INDEX records_rested ON records (updated_at)
    WHERE due_at IS NULL AND status IN ('delivered', 'skipped', 'expired', 'cancelled', 'partial');
  `,
  `
  -- API keys. The digest is all that is known of a secret; those that ended stay for a while, for whoever asks what became of them.
  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER,
    ended_by TEXT,
    replaces TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX api_keys_newest ON api_keys (tenant, created_at, id);
  `,
  STREAM_TABLES,
  MESSAGE_TABLES,
  STREAM_DEAD_BY_ORDER,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the file from `version` to `target`, each step whole or not at all. */
export function migrate(database: Database, version: number, target = SCHEMA_VERSION): void {
  for (let step = version; step < target; step += 1) {
    database.exec('BEGIN IMMEDIATE');
    try {
      if (step === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.exec(MIGRATIONS[step] ?? '');
      database.exec(`PRAGMA user_version = ${step + 1}`);
      database.exec('COMMIT');
    } catch (error) {
      rollback(database);
      throw error;
    }
  }
}

/** Ends the transaction, if the failure has not ended it already (SQLite does so itself on some). */
export function rollback(database: Database): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // Nothing was open.
  }
}
