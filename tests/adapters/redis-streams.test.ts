import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openRedisStreams, type RedisStreams } from '../../src/adapters/redis-streams/redis-streams.js';
import { streamContract } from '../contracts/stream-contract.js';
import { streamMemoryContract } from '../contracts/stream-memory-contract.js';
import { draft, FAILURE, idsOf, LONG_MS, PARTITION } from '../contracts/stream-tester.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeRedisStream, streamOptions } from './redis-streams-harness.js';

const redis = await serverOrSkip('redis');

describeWith(redis, 'Redis Streams', ({ uri }) => {
  streamContract({ durable: true }, () => makeRedisStream(uri));
  streamMemoryContract(async () => {
    const harness = await makeRedisStream(uri, { rememberMs: 300 });
    return Object.assign(harness, { rememberMs: 300 });
  });

  describe('Whoever redrives', () => {
    let harness: Awaited<ReturnType<typeof makeRedisStream>>;
    let mortal: RedisStreams;
    /** Calls of the mortal one that still go through. */
    let left: number;
    beforeEach(async () => {
      harness = await makeRedisStream(uri);
      left = Number.POSITIVE_INFINITY;
      const guard = <T>(call: () => Promise<T>): Promise<T> => {
        left -= 1;
        return left >= 0 ? call() : Promise.reject(new Error('it has died'));
      };
      mortal = await openRedisStreams(streamOptions(uri, { prefix: harness.prefix, guard }));
    });
    afterEach(async () => {
      await mortal.close();
      await harness.dispose();
    });

    test('and dies with the message back in the log and still on the list loses nothing, also if it dies again meanwhile', async () => {
      const { log, leases, desk } = harness.stream;
      await log.append([draft('a1')]);
      const hold = await leases.take(PARTITION, 'w1', LONG_MS);
      if (hold === null) throw new Error('it is held');
      const buryNext = async (): Promise<readonly string[]> => {
        const batch = await log.read(hold, 10);
        if (batch === 'stale') throw new Error('the hold is stale');
        await desk.bury(batch.entries.map((entry) => ({ entry, failure: FAILURE })));
        await log.settle(hold, { batch: batch.number, done: batch.entries.map(({ entry }) => entry), parked: [] });
        return idsOf(batch.entries);
      };
      expect(await buryNext()).toEqual(['a1']);
      // It learns how things stand first, so that it then dies between its last two calls.
      expect(await mortal.desk.get('t', 'a1')).not.toBeNull();
      await mortal.control.layout();
      for (left = 1; (await log.depth())[PARTITION]?.lag === 0; left += 1) {
        const calls = left;
        await expect(mortal.desk.redrive('t', 'a1')).rejects.toThrow('it has died');
        left = calls;
      }
      expect(await desk.get('t', 'a1')).not.toBeNull();
      expect(await buryNext()).toEqual(['a1']);
      expect(await desk.redrive('t', 'a1')).toBe(true);
      expect(await buryNext()).toEqual(['a1']);
      expect(idsOf(await desk.dead({ tenant: 't', limit: 10 }))).toEqual(['a1']);
    });
  });
});
