import { randomUUID } from 'node:crypto';
import { ensureBuilt } from '../../bench/built.js';
import { Client } from '../client.js';
import { columns, ms } from '../print.js';
import { now, type Summary, summaryOf } from '../stats.js';
import { findTarget, RunError, startTarget } from '../target.js';
import { type Audit, auditOf, type Stored } from './audit.js';
import { MessageLoad } from './load.js';
import { HELP, type MessageOptions, readMessageOptions } from './options.js';

/** What a run came to. Times are milliseconds. */
export interface MessageResult {
  readonly offered: number;
  readonly accepted: number;
  readonly refused: number;
  readonly repeats: number;
  /** From the intended send time to the answer. */
  readonly http: Summary;
  /** From accept to stored, by the server's clocks. */
  readonly stored: Summary;
  /** Messages that no consumer had been given yet, of one partition: the most that was seen. */
  readonly lag: number;
  /** From the last answer until everything was stored. */
  readonly drainMs: number;
  readonly deadLetters: number;
  readonly audit: Readonly<Record<keyof Audit, number>>;
}

interface Depth {
  readonly partition: number;
  readonly lag: number;
  readonly pending: number;
  readonly parked: number;
}

interface Check {
  readonly name: string;
  readonly value: string;
  readonly limit: string;
  readonly met: boolean;
}

/** Of the checklist: processing well below its 100 ms, lag as in normal running. */
const LIMITS = { httpP95: 50, storedP95: 50, lag: 100 } as const;
const LEAD_MS = 200;
const LOOK_MS = 250;
const REST_WITHIN_MS = 120_000;
const PAGE = 100;
const READERS = 16;
const STREAM = '/api/v1/streams/messages';

/** @returns whether every objective was met @throws UsageError, RunError */
export async function runMessages(args: readonly string[]): Promise<boolean> {
  const options = readMessageOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return true;
  }
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  const found = await findTarget(options.urls);
  if (found === null) ensureBuilt();
  const target = found ?? (await startTarget([]));
  const client = new Client(target.urls);
  const end = async (): Promise<void> => {
    await client.close();
    await target.stop();
  };
  const interrupted = (): void => void end().finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    say(`target: ${target.urls.join(', ')}${target.own ? ' (a server of its own, started for this run)' : ''}`);
    const result = await measure(client, options, say);
    const checks = checksOf(result);
    if (options.json) process.stdout.write(`${JSON.stringify({ ...result, checks }, null, 2)}\n`);
    else say(textOf(result, checks));
    return checks.every(({ met }) => met);
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await end();
  }
}

async function measure(client: Client, options: MessageOptions, say: (line: string) => void): Promise<MessageResult> {
  const dead = await deadLetters(client);
  const load = new MessageLoad(client, `lt-${randomUUID().slice(0, 8)}`, options);
  const watch = watchLag(client);
  for (const { rate, durationS } of options.phases) say(`load: ${rate} /s for ${durationS} s over ${options.conversations} conversations`);
  await load.play(now() + LEAD_MS);
  const answeredAt = now();
  await rest(client);
  const drainMs = now() - answeredAt;
  const lag = await watch.stop();
  say(`at rest ${drainMs.toFixed(0)} ms after the last answer; reading ${options.conversations} conversations back`);
  const histories = await readBack(client, new Set(load.sent.map(({ conversationId }) => conversationId)));
  const audit = auditOf(load.sent, histories);
  for (const [kind, some] of Object.entries(audit)) if (some.length > 0) say(`${kind}: ${some.slice(0, 5).join(', ')}`);
  const answered = load.sent.filter(({ error, answeredAt: at }) => error === null && at > 0);
  const stored = [...histories.values()].flat().map(({ acceptedAt, persistedAt }) => Date.parse(persistedAt) - Date.parse(acceptedAt));
  return {
    offered: load.sent.length,
    accepted: load.accepted,
    refused: load.sent.length - load.accepted,
    repeats: load.sent.filter(({ repeat }) => repeat !== null).length,
    http: summaryOf(answered.map((message) => message.answeredAt - message.intendedAt)),
    stored: summaryOf(stored),
    lag,
    drainMs,
    deadLetters: (await deadLetters(client)) - dead,
    audit: {
      lost: audit.lost.length,
      doubled: audit.doubled.length,
      strangers: audit.strangers.length,
      disordered: audit.disordered.length,
      unrecognised: audit.unrecognised.length,
    },
  };
}

function checksOf(result: MessageResult): readonly Check[] {
  const none = (name: string, value: number): Check => ({ name, value: String(value), limit: '0', met: value === 0 });
  const below = (name: string, value: number, limit: number, unit = ' ms'): Check => ({
    name,
    value: unit === '' ? String(value) : ms(value),
    limit: `< ${limit}${unit}`,
    met: value < limit,
  });
  return [
    none('offered and not accepted', result.refused),
    below('HTTP p95', result.http.p95, LIMITS.httpP95),
    below('accept to stored p95', result.stored.p95, LIMITS.storedP95),
    below('partition lag', result.lag, LIMITS.lag, ''),
    none('dead letters', result.deadLetters),
    none('lost', result.audit.lost),
    none('stored twice', result.audit.doubled),
    none('stored and never sent', result.audit.strangers),
    none('out of order', result.audit.disordered),
    none('repeats not recognised', result.audit.unrecognised),
  ];
}

function textOf(result: MessageResult, checks: readonly Check[]): string {
  const { offered, accepted, repeats, http, stored } = result;
  const line = ({ avg, p50, p95, p99, max }: Summary): string[] => [avg, p50, p95, p99, max].map(ms);
  const figures = columns([
    ['', 'avg', 'p50', 'p95', 'p99', 'max'],
    ['HTTP', ...line(http)],
    ['accept to stored', ...line(stored)],
  ]);
  const rows = checks.map(({ name, value, limit, met }) => [met ? 'met' : 'NOT MET', name, value, limit]);
  return `\n${offered} offered, ${accepted} accepted, ${repeats} of them sent twice\n\n${figures}\n\n${columns(rows)}`;
}

/** The largest lag of any partition while the load runs. */
function watchLag(client: Client): { stop(): Promise<number> } {
  let running = true;
  let most = 0;
  const watching = (async () => {
    while (running) {
      const { status, body } = await client.get<{ readonly depth: readonly Depth[] }>(STREAM);
      if (status === 200) for (const { lag } of body.depth) most = Math.max(most, lag);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  })();
  return {
    async stop() {
      running = false;
      await watching;
      return most;
    },
  };
}

/** Resolves when nothing is waiting any more. @throws RunError */
async function rest(client: Client): Promise<void> {
  for (const giveUpAt = now() + REST_WITHIN_MS; now() < giveUpAt; ) {
    const { status, body } = await client.get<{ readonly depth: readonly Depth[] }>(STREAM);
    if (status === 404) return;
    if (status === 200 && body.depth.every(({ lag, pending, parked }) => lag + pending + parked === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new RunError(`the log was not empty ${REST_WITHIN_MS / 1000} s after the load`);
}

async function deadLetters(client: Client): Promise<number> {
  let count = 0;
  for (let cursor: string | null = ''; cursor !== null; ) {
    const path: string = `/api/v1/dead-letters?workload=messages&limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const answer = await client.get<{ readonly data: readonly unknown[]; readonly nextCursor: string | null }>(path);
    if (answer.status !== 200) throw new RunError(`the dead letters could not be read: ${answer.failure ?? answer.status}`);
    count += answer.body.data.length;
    cursor = answer.body.nextCursor;
  }
  return count;
}

async function readBack(client: Client, conversations: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly Stored[]>> {
  const histories = new Map<string, readonly Stored[]>();
  const left = conversations.values();
  const reader = async (): Promise<void> => {
    for (const conversation of left) histories.set(conversation, await historyOf(client, conversation));
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return histories;
}

/** @throws RunError */
async function historyOf(client: Client, conversation: string): Promise<readonly Stored[]> {
  const found: Stored[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const path: string = `/api/v1/conversations/${conversation}/messages?limit=${PAGE}${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const answer = await client.get<{ readonly data: readonly Stored[]; readonly nextCursor: string | null }>(path);
    if (answer.status !== 200) throw new RunError(`conversation ${conversation} could not be read: ${answer.failure ?? answer.status}`);
    found.push(...answer.body.data);
    cursor = answer.body.nextCursor;
  }
  return found;
}
