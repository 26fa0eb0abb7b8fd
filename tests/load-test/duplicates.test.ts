import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openEmbedded } from '../../src/adapters/embedded/embedded.js';
import { FILE_NAME } from '../../src/adapters/embedded/open.js';
import { loadSqlite } from '../../src/adapters/embedded/sqlite.js';
import { temporaryDirectory } from '../adapters/embedded-harness.js';
import { ManualTime } from '../adapters/manual-time.js';
import { draftOf } from '../contracts/drafts.js';
import { goodRun } from './fixtures.js';

/** Not spawnSync: a server that it asks may be ours. */
async function verify(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'load-test/verify-duplicates.ts', ...args]);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

describe('verify:duplicates on a data file', () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.dispose());

  const onFile = async (work: (exec: (sql: string) => void) => void): Promise<void> => {
    const { DatabaseSync } = await loadSqlite();
    const database = new DatabaseSync(join(directory.path, FILE_NAME));
    work((sql) => database.exec(sql));
    database.close();
  };

  beforeAll(async () => {
    const time = new ManualTime();
    const onFatal = (error: Error): void => {
      throw error;
    };
    const embedded = await openEmbedded({ dataDir: directory.path, clock: time, timers: time, onFatal });
    await embedded.store.accept(['a', 'b'].map((id) => draftOf({ id, createdAt: time.now() })));
    // No notification, and not counted as one.
    await embedded.store.accept([draftOf({ id: 'operation', workload: 'desk', createdAt: time.now() })]);
    await embedded.close();
  });

  const line = (n: number, operation: string): string =>
    `INSERT INTO ledger VALUES (1, ${100 + n}, 0, 't', '${operation}', 'delivered', '{}')`;

  test('counts what is there and finds nothing', async () => {
    await onFile((exec) => exec(line(1, 'operation-1')));
    const { code, out } = await verify('--data-dir', directory.path);
    expect(out).toMatch(/notifications +2\n.*deliveries .* 2\n.*delivered outcomes in the ledger +1\n.*\n.*duplicates +0$/m);
    expect(code).toBe(0);
  });

  test('finds an operation that was delivered twice, which the store itself would have refused', async () => {
    await onFile((exec) => expect(() => exec(line(2, 'operation-1'))).toThrow(/UNIQUE/));
    await onFile((exec) => exec(`DROP INDEX ledger_delivered_once; ${line(2, 'operation-1')}`));
    const { code, out } = await verify('--data-dir', directory.path);
    expect(out).toContain('operation operation-1: delivered 2 times');
    expect(code).toBe(1);
  });

  test('says where it looked when there is nothing', async () => {
    const { code, err } = await verify('--data-dir', '/nonexistent');
    expect(err).toBe('verify:duplicates: no server answers, and there is no /nonexistent/signalbox.db\n');
    expect(code).toBe(1);
  });
});

describe('verify:duplicates through the API', () => {
  /** Told by a server whose ledger says of one notification what it should not. */
  async function asked(spoil: (told: ReturnType<typeof goodRun>['told']) => unknown): Promise<{ code: number; out: string }> {
    const told = spoil(structuredClone(goodRun().told)) as ReturnType<typeof goodRun>['told'];
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://server');
      const one = told.find(({ notificationId }) => pathname.endsWith(`/${notificationId}`));
      const from = Number(searchParams.get('cursor') ?? 0);
      const page = { data: told.slice(from, from + 7), nextCursor: from + 7 < told.length ? String(from + 7) : null };
      const answer = pathname === '/livez' ? { status: 'live' } : (one ?? (pathname.endsWith('/notifications') ? page : null));
      response.writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { code: 'not-found' }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      return await verify('--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, '--json');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test('reads all pages and finds nothing where nothing is', async () => {
    const { code, out } = await asked((told) => told);
    expect(JSON.parse(out)).toMatchObject({
      notifications: 20,
      deliveries: 20,
      deliveredOutcomes: 20,
      operationsDelivered: 20,
      duplicates: [],
    });
    expect(code).toBe(0);
  });

  test('finds an effect with two delivered outcomes, and an operation of two deliveries', async () => {
    const { code, out } = await asked((told) =>
      told.map((one, n) => ({
        ...one,
        deliveries: one.deliveries.flatMap((delivery) => {
          const [first] = delivery.attempts;
          if (n === 4 && first !== undefined) return [{ ...delivery, attempts: [first, { ...first, attempt: 2 }] }];
          return n === 6 ? [delivery, { ...delivery, deliveryId: 'second' }] : [delivery];
        }),
      })),
    );
    expect(JSON.parse(out).duplicates).toEqual([
      'notification record-6: two deliveries by webhook to one recipient',
      'operation operation-6: of two deliveries, delivery-6 and second',
      'operation operation-4: delivered 2 times',
      'operation operation-6: delivered 2 times',
    ]);
    expect(code).toBe(1);
  });
});
