/**
 * Is anything in the store delivered twice? Reads the delivery ledger, where each effect has its own line, and not the
 * notifications, of which there is always one each.
 *
 * Exits 0 when there are no duplicates, 1 when there are or it cannot tell, 2 when the command line is wrong.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FILE_NAME } from '../src/adapters/embedded/open.js';
import { type Database, loadSqlite } from '../src/adapters/embedded/sqlite.js';
import { loadConfig } from '../src/config.js';
import type { ToldNotification } from '../tests/drills/evidence.js';
import { Client } from './client.js';
import { DuplicateCount, type Duplicates, printDuplicates } from './duplicates.js';
import { origin, UsageError } from './options.js';
import { findTarget, RunError } from './target.js';

const HELP = `usage: npm run verify:duplicates -- [flags]

Counts notifications, deliveries and the delivered outcomes of the delivery ledger, and shows every operation that was
delivered more than once. Asks a running server; where none runs it reads the data file, and changes nothing in it.

  --url URL        the server (default: the first that answers of http://127.0.0.1:8080, :80, :3001, :3000)
  --data-dir DIR   read this directory's file, whatever runs (default where no server answers: DATA_DIR)
  --json           the counts as JSON
  --help           this text

examples:
  npm run verify:duplicates
  npm run verify:duplicates -- --url http://127.0.0.1:3000
  npm run verify:duplicates -- --data-dir /var/lib/signalbox --json
`;

const READERS = 8;

interface Page {
  readonly data: readonly { readonly notificationId: string }[];
  readonly nextCursor: string | null;
}

async function throughApi(url: string): Promise<Duplicates> {
  const client = new Client([url], READERS);
  const count = new DuplicateCount();
  const read = async <T>(path: string): Promise<T> => {
    const { status, body, failure } = await client.get<T>(path);
    if (status !== 200) throw new RunError(`GET ${path}: ${failure ?? status}`);
    return body;
  };
  try {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page = await read(`/api/v1/notifications?limit=100${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
      const ids = page.data.values();
      const reader = async (): Promise<void> => {
        for (const { notificationId } of ids) count.add(await read<ToldNotification>(`/api/v1/notifications/${notificationId}`));
      };
      await Promise.all(Array.from({ length: READERS }, reader));
      cursor = page.nextCursor;
    }
    return count.result(url);
  } finally {
    await client.close();
  }
}

async function throughFile(dataDir: string): Promise<Duplicates> {
  const path = join(dataDir, FILE_NAME);
  if (!existsSync(path)) throw new RunError(`no server answers, and there is no ${path}`);
  const { DatabaseSync } = await loadSqlite();
  const options = { readOnly: true, timeout: 1000 };
  const database = new DatabaseSync(path, options);
  try {
    return countIn(database, path);
  } catch (error) {
    if (/locked|busy/i.test(String(error))) throw new RunError(`${path} is held by a running server: name it with --url`);
    throw error;
  } finally {
    database.close();
  }
}

const OF_NOTIFICATIONS = "r.workload = 'notifications'";
const DELIVERED = `ledger l JOIN records r ON r.seq = l.record WHERE l.result = 'delivered' AND ${OF_NOTIFICATIONS}`;

/** The same as {@link DuplicateCount}, counted by the store; the ledger is append-only. */
function countIn(database: Database, source: string): Duplicates {
  const number = (sql: string): number => (database.prepare(sql).get() as { n: number }).n;
  const names = (sql: string): readonly string[] =>
    database
      .prepare(sql)
      .all()
      .map((row) => (row as { line: string }).line);
  return {
    source,
    // Operations of the desk and batches are records as well; of duplicates all are looked at.
    notifications: number(`SELECT count(*) AS n FROM records r WHERE ${OF_NOTIFICATIONS}`),
    deliveries: number(`SELECT count(*) AS n FROM deliveries d JOIN records r ON r.seq = d.record WHERE ${OF_NOTIFICATIONS}`),
    deliveredOutcomes: number(`SELECT count(*) AS n FROM ${DELIVERED}`),
    operationsDelivered: number(`SELECT count(*) AS n FROM (SELECT DISTINCT l.tenant, l.operation_id FROM ${DELIVERED})`),
    duplicates: [
      ...names(`SELECT 'operation ' || operation_id || ': delivered ' || count(*) || ' times' AS line
        FROM ledger WHERE result = 'delivered' GROUP BY tenant, operation_id HAVING count(*) > 1`),
      ...names(`SELECT 'record ' || record || ': ' || count(*) || ' deliveries by ' || channel || ' to one recipient' AS line
        FROM deliveries GROUP BY record, channel, recipient HAVING count(*) > 1`),
      ...names(`SELECT 'operation ' || operation_id || ': of ' || count(DISTINCT record) || ' records' AS line
        FROM ledger GROUP BY tenant, operation_id HAVING count(DISTINCT record) > 1`),
    ],
  };
}

function flags() {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: 'string' },
        'data-dir': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.url !== undefined && values['data-dir'] !== undefined) throw new Error('--url and --data-dir: give one of them');
    return values.url === undefined ? values : { ...values, url: origin(values.url) };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error));
  }
}

async function count({ url, 'data-dir': dataDir }: ReturnType<typeof flags>): Promise<Duplicates> {
  if (dataDir !== undefined) return throughFile(dataDir);
  const target = await findTarget(url === undefined ? null : [url]);
  return target === null ? throughFile(loadConfig().dataDir) : throughApi(target.urls[0]);
}

async function main(): Promise<number> {
  const values = flags();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const result = await count(values);
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : `${printDuplicates(result)}\n`);
  return result.duplicates.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  const known = error instanceof UsageError || error instanceof RunError;
  process.stderr.write(`verify:duplicates: ${known || !(error instanceof Error) ? String((error as Error).message) : error.stack}\n`);
}
