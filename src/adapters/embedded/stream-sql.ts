/** Not settled, whether it is new, handed out, or in a line. */
const IS_OPEN = 'EXISTS (SELECT 1 FROM stream_entries e WHERE e.state <> 2 AND e.id = i.id)';

/** Statements of the log. Nothing of an epoch that is not opened is handed out. `depth`: six times the partition. */
export const STREAM_SQL = {
  known: `SELECT fingerprint, partition, ord, appended_at FROM stream_ids i WHERE id = ? AND (until > ? OR ${IS_OPEN})`,
  forget: `DELETE FROM stream_ids AS i WHERE until <= ? AND NOT ${IS_OPEN}`,
  open: 'SELECT * FROM stream_entries WHERE partition = ? AND state = ? AND state < 2 AND epoch <= ? ORDER BY seq LIMIT ?',
  due: 'SELECT * FROM stream_parked WHERE partition = ? AND due_at <= ? ORDER BY due_at LIMIT ?',
  trim: `DELETE FROM stream_entries WHERE state = 2 AND partition = ? AND seq <=
    (SELECT seq FROM stream_entries WHERE state = 2 AND partition = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
  depth: `SELECT
    (SELECT count(*) FROM stream_entries WHERE state < 2 AND partition = ?)
      + (SELECT count(*) FROM stream_entries WHERE state = 2 AND partition = ?) AS length,
    (SELECT count(*) FROM stream_entries WHERE state = 0 AND state < 2 AND partition = ?) AS lag,
    (SELECT count(*) FROM stream_entries WHERE state = 1 AND state < 2 AND partition = ?) AS pending,
    (SELECT count(*) FROM stream_parked p JOIN stream_entries e ON e.state = 3 AND e.tenant = p.tenant AND e.key = p.key
      WHERE p.partition = ?) AS parked,
    (SELECT min(appended_at) FROM stream_entries WHERE state < 2 AND partition = ?) AS oldest`,
} as const;
