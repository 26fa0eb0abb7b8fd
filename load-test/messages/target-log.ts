import type { Client } from '../client.js';
import { now } from '../stats.js';
import { RunError } from '../target.js';
import type { Stored } from './audit.js';
import type { LogLook } from './result.js';

interface Depth {
  readonly partition: number;
  readonly lag: number;
  readonly pending: number;
  readonly parked: number;
}

const LOOK_MS = 250;
const REST_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 20;
const PAGE = 100;
const READERS = 16;
const STREAM = '/api/v1/streams/messages';

/** Looks into the log while the load runs. A look that fails leaves a gap. */
export function watchLog(client: Client): { stop(): Promise<readonly LogLook[]> } {
  const looks: LogLook[] = [];
  let running = true;
  const watching = (async () => {
    while (running) {
      const { status, body } = await client.get<{ readonly depth: readonly Depth[] }>(STREAM);
      if (status === 200) looks.push(lookOf(body.depth));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  })();
  return {
    async stop() {
      running = false;
      await watching;
      return looks;
    },
  };
}

function lookOf(depth: readonly Depth[]): LogLook {
  const sum = (figure: (one: Depth) => number): number => depth.reduce((total, one) => total + figure(one), 0);
  return {
    at: now(),
    lag: depth.reduce((most, { lag }) => Math.max(most, lag), 0),
    waiting: sum(({ lag }) => lag),
    pending: sum(({ pending }) => pending),
    parked: sum(({ parked }) => parked),
  };
}

/** Resolves when nothing is waiting any more. @throws RunError */
export async function rest(client: Client): Promise<void> {
  for (const giveUpAt = now() + REST_WITHIN_MS; now() < giveUpAt; ) {
    const { status, body } = await client.get<{ readonly depth: readonly Depth[] }>(STREAM);
    if (status === 404) return;
    if (status === 200 && body.depth.every(({ lag, pending, parked }) => lag + pending + parked === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  throw new RunError(`the log was not empty ${REST_WITHIN_MS / 1000} s after the load`);
}

/** How many there are now. @throws RunError */
export async function deadLetters(client: Client): Promise<number> {
  return (await pages(client, '/api/v1/dead-letters?workload=messages&limit=100', 'the dead letters')).length;
}

/** Every conversation as its history has it. @throws RunError */
export async function readBack(client: Client, conversations: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly Stored[]>> {
  const histories = new Map<string, readonly Stored[]>();
  const left = conversations.values();
  const reader = async (): Promise<void> => {
    for (const one of left) {
      histories.set(one, await pages<Stored>(client, `/api/v1/conversations/${one}/messages?limit=${PAGE}`, `conversation ${one}`));
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return histories;
}

async function pages<T>(client: Client, path: string, what: string): Promise<readonly T[]> {
  const found: T[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: string = cursor === '' ? path : `${path}&cursor=${cursor}`;
    const answer = await client.get<{ readonly data: readonly T[]; readonly nextCursor: string | null }>(page);
    if (answer.status !== 200) throw new RunError(`${what} could not be read: ${answer.failure ?? answer.status}`);
    found.push(...answer.body.data);
    cursor = answer.body.nextCursor;
  }
  return found;
}
