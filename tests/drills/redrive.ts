import { join } from 'node:path';
import { keyHeaders, keySettings } from '../../src/config/client-key.js';
import { check } from '../../tools/ledger/check.js';
import type { Evidence, Report } from '../../tools/ledger/entry.js';
import { freezeBuild } from '../support/frozen-build.js';
import { type Seeded, seeded } from '../support/seeded.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { type SinkProcess, startSinkProcess } from '../support/sink-process.js';
import { keptOf, readAll, readNotifications, seenOf } from './evidence.js';
import { Poster } from './poster.js';
import { type AuditLine, type Fate, judgeRedrive, type Tally } from './redrive-judge.js';
import { type Offered, offer, repeat } from './redrive-load.js';
import { freePort, rest, write } from './stage.js';

export interface RedriveOptions {
  readonly items: number;
  /** How often the server is killed while the redrive is under way; 1 or more. */
  readonly kills: number;
  readonly seed: number;
  /** Where the data, ledgers and logs are kept while it runs. */
  readonly parent: string;
  readonly say: (line: string) => void;
}

/** One kill, and what came after it. */
export interface RedriveKill {
  /** How many the operation had redriven when it was last heard of before. */
  readonly doneBefore: number;
  /** How many it redrove before the kill and after it, by its events. */
  readonly redrivenBefore: number;
  readonly redrivenAfter: number;
  readonly startMs: number;
}

export interface RedriveResult {
  readonly tally: Tally;
  readonly report: Report;
  readonly kills: readonly RedriveKill[];
  readonly operation: Operation;
  /** From the first redriven event to the last, milliseconds; the time that the server was away is part of it. */
  readonly tookMs: number;
  readonly failures: readonly string[];
  readonly directory: string;
}

export interface Operation {
  readonly operationId: string;
  readonly status: string;
  readonly matched: number;
  readonly done: number;
}

/** Deaths of a process in the middle of a call use up a retry; more kills than this would end in other dead letters. */
const MAX_RETRIES = 5;
const ENDS_WITHIN_MS = 300_000;
/** What the operation takes at least, seconds. */
const LASTS_S = 4;

interface Stage {
  readonly directory: string;
  readonly url: string;
  readonly sink: SinkProcess;
  server: ServerProcess;
  start(): Promise<ServerProcess>;
}

/**
 * Fills the desk with dead letters of three kinds, heals most of the receivers, redrives all of it as one operation, and
 * kills the server in the middle of that. In the end each must have been redriven exactly once, with one effect under one
 * operation id, and what failed again must be back on the desk.
 */
export async function redriveDrill(options: RedriveOptions): Promise<RedriveResult> {
  const build = await freezeBuild(options.parent);
  const port = await freePort();
  const sink = await startSinkProcess(build.directory);
  const start = (): Promise<ServerProcess> => startServer(serverOptions(build.directory, sink, port));
  const stage: Stage = { directory: build.directory, url: `http://127.0.0.1:${port}`, sink, start, server: await start() };
  try {
    const result = await run(stage, options);
    if (result.failures.length === 0) await build.remove();
    return result;
  } finally {
    await stage.server.kill();
    await sink.stop();
  }
}

function serverOptions(directory: string, sink: SinkProcess, port: number) {
  const settings = {
    SERVER_PORT: String(port),
    DATA_DIR: join(directory, 'data'),
    SINK: 'off',
    SMTP_URL: `smtp://127.0.0.1:${sink.smtpPort}`,
    WEBHOOK_ALLOW: new URL(sink.httpUrl).host,
    LEASE_MS: '3000',
    SEND_TIMEOUT_MS: '2300',
    RETRY_BACKOFF_MS: '20',
    RETRY_BACKOFF_MAX_MS: '200',
    MAX_RETRY_ATTEMPTS: String(MAX_RETRIES),
    // All receivers are one host here, and some of them are to fail all the time.
    BREAKER_FAILURES: '10000',
    ...keySettings(),
  };
  return { directory, settings, logFile: join(directory, 'server.log') };
}

async function run(stage: Stage, { items, kills, seed, say }: RedriveOptions): Promise<RedriveResult> {
  const random = seeded(seed);
  const poster = new Poster(stage.url);
  const offered = await offer({ items, random, poster, sinkUrl: stage.sink.httpUrl, run: `redrive-${seed}` });
  await rest(stage.server);
  say(`${offered.answers.length} accepted, all of them at rest; the receivers recover, but for ${offered.count('failing')}`);
  await offered.heal();
  const { operation, killed } = await redriveAndKill(stage, poster, { items, kills, random, say });
  const atRest = await rest(stage.server);
  say(atRest ? 'at rest; comparing the ledgers' : 'something does not come to rest; comparing the ledgers');
  poster.close();
  return compare(stage, offered, operation, killed);
}

interface Killed {
  readonly at: number;
  readonly doneBefore: number;
  readonly startMs: number;
}

/** Begins the operation and follows it to its end, killing the server when it has got as far as was drawn. */
async function redriveAndKill(
  stage: Stage,
  poster: Poster,
  { items, kills, random, say }: Pick<RedriveOptions, 'items' | 'kills' | 'say'> & { readonly random: Seeded },
): Promise<{ operation: Operation; killed: readonly Killed[] }> {
  // Slow enough for a kill to fall into the middle of it on any machine.
  const ratePerSecond = Math.min(1000, Math.ceil(items / LASTS_S));
  const body = JSON.stringify({ filter: { workload: 'notifications' }, ratePerSecond, note: 'drill' });
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'drill-redrive' };
  const begun = await repeat(poster, '/api/v1/dead-letters/redrive', headers, body);
  let operation = JSON.parse(begun.text) as Operation;
  const marks = Array.from({ length: kills }, () => 0.05 + 0.7 * random.next()).sort((a, b) => a - b);
  const killed: Killed[] = [];
  const giveUpAt = performance.now() + ENDS_WITHIN_MS;
  while (operation.status === 'running' && performance.now() < giveUpAt) {
    operation = await read<Operation>(`${stage.url}/api/v1/desk/operations/${operation.operationId}`);
    const mark = marks[killed.length];
    if (mark === undefined) await pause(100);
    else if (operation.done >= mark * operation.matched) {
      // Anywhere: in a step, or between two.
      await pause(random.between(0, 200));
      const at = Date.now();
      await stage.server.kill();
      stage.server = await stage.start();
      killed.push({ at, doneBefore: operation.done, startMs: stage.server.startMs });
      say(`kill ${killed.length}/${kills} after ${operation.done} of ${operation.matched}; up again in ${stage.server.startMs} ms`);
    }
  }
  return { operation, killed };
}

async function compare(stage: Stage, offered: Offered, operation: Operation, killed: readonly Killed[]): Promise<RedriveResult> {
  const { url, directory, sink } = stage;
  const told = await readNotifications(url);
  const audit = await readAll<AuditLine>(`${url}/api/v1/desk/audit`);
  const onTheDesk = await readAll<{ readonly deliveryId: string }>(`${url}/api/v1/dead-letters`);
  const evidence: Evidence = { answers: offered.answers, kept: keptOf(told), seen: seenOf(sink.ledgerFile, told) };
  for (const name of ['answers', 'seen', 'kept'] as const) write(directory, name, evidence[name]);
  write(directory, 'audit', audit);
  const report = check(evidence);
  const listed = new Set(onTheDesk.map((line) => line.deliveryId));
  const fateOf = (recipient: string): Fate => offered.fateOf(recipient);
  const { tally, failures } = judgeRedrive({ told, audit, listed, seen: evidence.seen, operationId: operation.operationId, fateOf });
  const times = audit.map((line) => Date.parse(line.at)).sort((a, b) => a - b);
  const kills = killed.map(({ at, doneBefore, startMs }) => {
    const redrivenBefore = times.filter((time) => time <= at).length;
    return { doneBefore, startMs, redrivenBefore, redrivenAfter: times.length - redrivenBefore };
  });
  const items = offered.answers.length;
  return {
    tally,
    report,
    kills,
    operation,
    tookMs: (times.at(-1) ?? 0) - (times[0] ?? 0),
    failures: [
      ...failures,
      ...report.violations.map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`),
      ...(operation.status === 'completed' ? [] : [`the operation ended as ${operation.status}`]),
      ...(operation.matched === items && operation.done === items ? [] : [`${operation.done} of ${operation.matched} done, not ${items}`]),
      ...(kills.some((kill) => kill.redrivenBefore > 0 && kill.redrivenAfter > 0) ? [] : ['no kill fell into the middle of the redrive']),
    ],
    directory,
  };
}

async function read<T>(url: string): Promise<T> {
  const response = await fetch(url, { headers: keyHeaders(), signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`GET ${url}: ${response.status}`);
  return (await response.json()) as T;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
