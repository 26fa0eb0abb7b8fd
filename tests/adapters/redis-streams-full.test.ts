import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { draft, FAILURE, LONG_MS, PARTITION } from '../contracts/stream-tester.js';
import { describeWith, type OwnServer, serverOrSkip, startOwn } from '../support/servers/servers.js';
import { makeRedisStream } from './redis-streams-harness.js';

describeWith(await serverOrSkip('redis'), 'A stream on a Redis that is full', () => {
  let server: OwnServer;
  let admin: Redis;
  beforeAll(async () => {
    server = await startOwn('redis');
    admin = new Redis(server.uri);
  }, 60_000);
  afterAll(async () => {
    admin?.disconnect();
    await server?.dispose();
  });

  test('refuses what is new, and lets everything be done by which it becomes less full', async () => {
    const { stream, dispose } = await makeRedisStream(server.uri);
    const { log, leases, desk } = stream;
    const hold = await leases.take(PARTITION, 'w1', LONG_MS);
    if (hold === null) throw new Error('it is held');
    await log.append(['a1', 'a2', 'b1'].map((id) => draft(id)));
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1');
    await expect(log.append([draft('a3')])).rejects.toMatchObject({ code: 'store-full' });

    expect(await leases.renew([hold], LONG_MS)).toEqual([hold]);
    expect(await leases.take(PARTITION + 1, 'w1', LONG_MS)).not.toBeNull();
    await leases.beat('w1', LONG_MS);
    const batch = await log.read(hold, 10);
    if (batch === 'stale') throw new Error('the hold is stale');
    const [a1, a2, b1] = batch.entries;
    if (a1 === undefined || a2 === undefined || b1 === undefined) throw new Error('an entry is missing');
    await desk.bury([{ entry: b1, failure: FAILURE }]);
    const parked = [{ tenant: 't', key: a2.key, entries: [a2.entry], attempts: 1, afterMs: 0, failure: FAILURE }];
    expect(await log.settle(hold, { batch: batch.number, done: [a1.entry, b1.entry], parked })).toBe('applied');
    const again = await log.read(hold, 10);
    if (again === 'stale') throw new Error('the hold is stale');
    expect(again.entries.map(({ id }) => id)).toEqual(['a2']);
    expect(await log.settle(hold, { batch: again.number, done: again.entries.map(({ entry }) => entry), parked: [] })).toBe('applied');
    await log.trim(0);

    await admin.config('SET', 'maxmemory', '0');
    expect((await log.append([draft('a3')]))[0]?.outcome).toBe('created');
    await dispose();
  });
});
