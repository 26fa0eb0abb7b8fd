import { startOwn } from '../tests/support/servers/own.js';
import { cpuOf } from './server-cpu.js';

/** A Redis of the run's own, with every write on the disk before it is answered. */
export interface RedisServer {
  readonly about: string;
  readonly uri: string;
  /** User and system time of it so far, microseconds. */
  cpuMicros(): Promise<number>;
  dispose(): Promise<void>;
}

export async function redisServer(): Promise<RedisServer> {
  const own = await startOwn('redis');
  return { about: own.about, uri: own.uri, cpuMicros: async () => cpuOf(await own.pids()), dispose: () => own.dispose() };
}
