import { randomUUID } from 'node:crypto';
import { openRedisStreams, type RedisStreams, type RedisStreamsOptions } from '../../src/adapters/redis-streams/redis-streams.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { PARTITIONS, type StreamHarness } from '../contracts/stream-tester.js';

const timers = createSystemTimers();

/** A stream of a test on a server, with names of its own. */
export function streamOptions(url: string, more: Partial<RedisStreamsOptions> = {}): RedisStreamsOptions {
  const own = { db: null, name: 'test', clock: createSystemClock(), timers, chance: { next: () => 0 }, onConnection: () => undefined };
  // A machine that is busy with other tests must not look like a server that says nothing.
  return { url, ...own, answerMs: 10_000, ...more };
}

/** The Redis adapter on a real server and its real clock. A crash is that of the client. */
export async function makeRedisStream(
  url: string,
  more: Partial<RedisStreamsOptions> = {},
): Promise<StreamHarness & { readonly prefix: string }> {
  const prefix = `test-${randomUUID()}:`;
  const opened: RedisStreams[] = [];
  const open = async (): Promise<RedisStreams> => {
    const streams = await openRedisStreams(streamOptions(url, { prefix, ...more }));
    opened.push(streams);
    return streams;
  };
  let current = await open();
  await current.control.prepare(PARTITIONS);
  return {
    prefix,
    get stream() {
      return current;
    },
    another: open,
    pass: (ms) => new Promise((resolve) => timers.after(ms, resolve)),
    async restart(how) {
      if (how === 'closed') await current.close();
      current = await open();
    },
    async dispose() {
      await Promise.all(opened.map((streams) => streams.close()));
    },
  };
}
