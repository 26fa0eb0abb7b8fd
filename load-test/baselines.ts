import { join } from 'node:path';
import { Pool } from 'undici';
import { ensureBuilt, makeDataDir, removeDataDir } from '../bench/built.js';
import { start } from '../bench/child.js';
import type { Spent } from '../bench/meter.js';
import type { PipelinePass } from '../bench/processes/pipeline-settings.js';
import { type Summary, summaryOf } from './stats.js';

/** What this machine can do at most, measured just before the load. */
export interface Baselines {
  /** Items a second: the rows of so many notifications in the same commits, through bare statements and nothing else. Null: not measured. */
  readonly sqlitePerSecond: number | null;
  /** Commits a second of that, each with its fsync. */
  readonly commitsPerSecond: number | null;
  /** Requests a second that the bare receiver answers to a bare client. */
  readonly receiverPerSecond: number;
  readonly receiverLatency: Summary;
}

const ITEMS = 3000;
const IN_FLIGHT = 128;
const RECEIVER_MS = 3000;
/** As many connections as the webhook channel opens to one host. */
const CONNECTIONS = 16;

/** The tape of our own adapter, played back through prepared statements: see bench/tape.ts. */
export async function measureSqlite(): Promise<Pick<Baselines, 'sqlitePerSecond' | 'commitsPerSecond'>> {
  ensureBuilt();
  const scratch = makeDataDir();
  const recorder = start(new URL('../bench/processes/pipeline.ts', import.meta.url), { profileDir: null });
  const floor = start(new URL('../bench/processes/floor.ts', import.meta.url), { profileDir: null });
  try {
    const path = join(scratch, 'tape.jsonl');
    await recorder.ask('run', { name: 'tape', items: ITEMS, inFlight: IN_FLIGHT, tapePath: path } satisfies PipelinePass);
    await floor.ask('load', { path });
    const { spent, commits } = await floor.ask<{ spent: Spent; commits: number }>('run', { playback: 'writes' });
    return { sqlitePerSecond: ITEMS / (spent.wallMs / 1000), commitsPerSecond: commits / (spent.wallMs / 1000) };
  } finally {
    await Promise.all([recorder.end(), floor.end()]);
    removeDataDir(scratch);
  }
}

/** A client and the receiver, without a server between them. `url`: any that the receiver answers to. */
export async function measureReceiver(url: string): Promise<Pick<Baselines, 'receiverPerSecond' | 'receiverLatency'>> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const body = JSON.stringify({ type: 'notification', data: { subject: 'Your parcel', body: 'x'.repeat(200) } });
  const took: number[] = [];
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - startedAt < RECEIVER_MS) {
      const sentAt = performance.now();
      const answer = await pool.request({ method: 'POST', path: pathname, headers: { 'content-type': 'application/json' }, body });
      await answer.body.dump();
      took.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return { receiverPerSecond: took.length / seconds, receiverLatency: summaryOf(took) };
}
