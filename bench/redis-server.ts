import { readFileSync } from 'node:fs';
import { type OwnServer, startOwn } from '../tests/support/servers/own.js';

const TICKS_A_SECOND = 100;

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
  return { about: own.about, uri: own.uri, cpuMicros: () => cpuOf(own), dispose: () => own.dispose() };
}

async function cpuOf(server: OwnServer): Promise<number> {
  let ticks = 0;
  for (const pid of await server.pids()) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 1_000_000) / TICKS_A_SECOND;
}
