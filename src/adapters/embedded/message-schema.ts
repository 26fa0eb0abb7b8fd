/** Tables of messages, receipts and what waits to be stored with them. */
export const MESSAGE_TABLES = `
  -- Messages: one row each, whoever stores it. ord is its place in the conversation.
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    idempotency_key TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    ord TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    persisted_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (tenant, conversation_id, ord)
  ) STRICT;
  CREATE TABLE receipts (
    message_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (message_id, user_id, state)
  ) STRICT, WITHOUT ROWID;
  -- Content that waits to be stored with its message.
  CREATE TABLE payloads (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;
