/** Tables of the stream of messages. */
export const STREAM_TABLES = `
  -- A stream of accepted work. state: 0 new, 1 handed out, 2 settled, 3 in the line of a parked key. ord is set where the order key
  -- is not (epoch, seq): on what was redriven, and on what is in a line. Numbers are never used twice, or an order key could be.
  CREATE TABLE stream_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    partition INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    ord TEXT,
    appended_at INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX stream_open ON stream_entries (partition, state, seq) WHERE state < 2;
  CREATE INDEX stream_settled ON stream_entries (partition, seq) WHERE state = 2;
  CREATE INDEX stream_open_by_key ON stream_entries (tenant, key) WHERE state < 2;
  CREATE INDEX stream_open_by_id ON stream_entries (id) WHERE state <> 2;
  CREATE INDEX stream_lines ON stream_entries (tenant, key, ord) WHERE state = 3;

  -- What was appended lately, by message id.
  CREATE TABLE stream_ids (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    partition INTEGER NOT NULL,
    ord TEXT NOT NULL,
    appended_at INTEGER NOT NULL,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stream_ids_past ON stream_ids (until);

  -- Who owns a partition is known to the living process only; that nobody who did before still may is not.
  CREATE TABLE stream_fences (partition INTEGER PRIMARY KEY, fence INTEGER NOT NULL) STRICT;

  -- Keys that stand still; due_at is null where one is held.
  CREATE TABLE stream_parked (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    partition INTEGER NOT NULL,
    due_at INTEGER,
    attempts INTEGER NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,
    failure TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stream_parked_due ON stream_parked (partition, due_at);

  -- One row. opened: the newest epoch of which anything is handed out; previous: partitions before the last change.
  CREATE TABLE stream_layout (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    partitions INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE stream_dead (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    dead_at INTEGER NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX stream_dead_newest ON stream_dead (tenant, place);
  CREATE INDEX stream_dead_of_key ON stream_dead (tenant, key, place);
`;

/** Under one id several entries may die: accepted when nobody remembered the first any more. */
export const STREAM_DEAD_BY_ORDER = `
  CREATE TABLE stream_dead_by_order (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    ord TEXT NOT NULL,
    dead_at INTEGER NOT NULL,
    entry TEXT NOT NULL,
    UNIQUE (id, ord)
  ) STRICT;
  INSERT INTO stream_dead_by_order SELECT place, tenant, key, id, json_extract(entry, '$.order'), dead_at, entry FROM stream_dead;
  -- A place that was given out once is never given out again.
  INSERT INTO stream_dead_by_order (place, tenant, key, id, ord, dead_at, entry)
    SELECT seq, '', '', '', '', 0, '' FROM sqlite_sequence WHERE name = 'stream_dead'
      AND NOT EXISTS (SELECT 1 FROM stream_dead WHERE place = seq);
  DELETE FROM stream_dead_by_order WHERE id = '';
  DROP TABLE stream_dead;
  ALTER TABLE stream_dead_by_order RENAME TO stream_dead;
  CREATE INDEX stream_dead_newest ON stream_dead (tenant, place);
  CREATE INDEX stream_dead_of_key ON stream_dead (tenant, key, place);
`;
