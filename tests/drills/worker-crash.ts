import { join } from 'node:path';
import { keySettings } from '../../src/config/client-key.js';
import { check } from '../../tools/ledger/check.js';
import type { Evidence, Report } from '../../tools/ledger/entry.js';
import { freezeBuild } from '../support/frozen-build.js';
import { seeded } from '../support/seeded.js';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { type SinkProcess, startSinkProcess } from '../support/sink-process.js';
import { crashPlan, type Kill, nameOf } from './crash-plan.js';
import { keptOf, readAll, readNotifications, seenOf, type ToldNotification } from './evidence.js';
import { type HeldRow, judgeHeld } from './held.js';
import { type Load, type LoadCounts, startLoad } from './load.js';
import { type Cycle, type Recovery, recoveries } from './recovery.js';
import { freePort, resourcesOf, rest, until, write } from './stage.js';

export interface DrillOptions {
  readonly cycles: number;
  /** New notifications a second. */
  readonly rate: number;
  readonly seed: number;
  /** Where the data, ledgers and logs are kept while it runs. */
  readonly parent: string;
  /** Told of each step as it happens. */
  readonly say: (line: string) => void;
}

export interface DrillResult {
  readonly cycles: readonly (Cycle & Recovery)[];
  readonly counts: LoadCounts;
  readonly report: Report;
  readonly held: readonly HeldRow[];
  /** What must hold and does not, one line each; empty when the drill is passed. */
  readonly failures: readonly string[];
  /** Kept, with the ledgers and logs, unless the drill is passed. */
  readonly directory: string;
}

/**
 * Short, so that a drill takes seconds, and yet long enough for a busy machine: a call that takes longer than SEND_TIMEOUT_MS
 * leaves an e-mail held, which is right, but not what this drill is about.
 */
export const LEASE_MS = 3000;
const SEND_TIMEOUT_MS = 2300;
/** How long a server may take to catch up, and to reach its failpoint. */
const CAUGHT_UP_WITHIN_MS = 6_000;
const FAILPOINT_WITHIN_MS = 60_000;
/** Nothing that is due waits longer than this: caught up. */
const CAUGHT_UP_MS = 500;

/** Everything the drill has started, and how to end it. */
interface Stage {
  readonly directory: string;
  readonly sink: SinkProcess;
  readonly url: string;
  start(failpoint?: string): Promise<ServerProcess>;
}

/**
 * Kills the server again and again under load, half at random and half at named moments, and each time starts it on
 * the same data directory. In the end three witnesses must agree: the clients' answers, the sink's ledger, the server's records.
 */
export async function workerCrash(options: DrillOptions): Promise<DrillResult> {
  const build = await freezeBuild(options.parent);
  const port = await freePort();
  const sink = await startSinkProcess(build.directory);
  const stage: Stage = {
    directory: build.directory,
    sink,
    url: `http://127.0.0.1:${port}`,
    start: (failpoint) => startServer(serverOptions(build.directory, sink, port, failpoint)),
  };
  let server: ServerProcess | undefined;
  try {
    const result = await run(stage, options, (started) => {
      server = started;
    });
    if (result.failures.length === 0) await build.remove();
    return result;
  } finally {
    await server?.kill();
    await sink.stop();
  }
}

function serverOptions(directory: string, sink: SinkProcess, port: number, failpoint: string | undefined) {
  const settings = {
    SERVER_PORT: String(port),
    DATA_DIR: join(directory, 'data'),
    SINK: 'off',
    SMTP_URL: `smtp://127.0.0.1:${sink.smtpPort}`,
    WEBHOOK_ALLOW: new URL(sink.httpUrl).host,
    LEASE_MS: String(LEASE_MS),
    SEND_TIMEOUT_MS: String(SEND_TIMEOUT_MS),
    RETRY_BACKOFF_MS: '200',
    RETRY_BACKOFF_MAX_MS: '2000',
    // A webhook may be cut off in the middle by one crash after another: that must not use up its attempts.
    MAX_RETRY_ATTEMPTS: '20',
    MAX_CLAIMS: '20',
    ...keySettings(),
    ...(failpoint === undefined ? {} : { FAILPOINT: failpoint }),
  };
  return { directory, settings, logFile: join(directory, 'server.log') };
}

async function run(stage: Stage, options: DrillOptions, started: (server: ServerProcess) => void): Promise<DrillResult> {
  const { cycles: count, rate, seed, say } = options;
  const plan = crashPlan(count, rate, seeded(seed));
  const cycles: Cycle[] = [];
  let server = await stage.start(failpointOf(plan[0]));
  started(server);
  const load = startLoad({ rate, seeded: seeded(seed + 1), run: `drill-${seed}`, url: stage.url, sinkUrl: stage.sink.httpUrl });
  try {
    for (const [index, kill] of plan.entries()) {
      const before = load.counts();
      const upSince = performance.now();
      const { killedAt, reached } = await end(server, kill);
      const upMs = Math.round(performance.now() - upSince);
      const restartedAt = Date.now();
      server = await stage.start(failpointOf(plan[index + 1]));
      started(server);
      const broken = load.counts().broken - before.broken;
      cycles.push({ kill: nameOf(kill), reached, upMs, killedAt, restartedAt, readyAt: Date.now(), startMs: server.startMs, broken });
      say(
        `cycle ${index + 1}/${count}: ${nameOf(kill)}${reached ? '' : ' (not reached)'} after ${upMs} ms, up again in ${server.startMs} ms`,
      );
    }
    await caughtUp(server);
  } finally {
    await load.stop();
  }
  const atRest = await rest(server);
  say(atRest ? 'at rest; comparing the ledgers' : 'something does not come to rest; comparing the ledgers');
  const result = await compare(stage, load, cycles);
  await server.stop();
  return result;
}

function failpointOf(kill: Kill | undefined): string | undefined {
  return kill?.kind === 'failpoint' ? nameOf(kill) : undefined;
}

/** Sees this server to its end. `reached` is false where a failpoint was not passed in time and we had to do it. */
async function end(server: ServerProcess, kill: Kill): Promise<{ readonly killedAt: number; readonly reached: boolean }> {
  if (kill.kind === 'failpoint') {
    const reached = await within(FAILPOINT_WITHIN_MS, server.ended);
    if (reached !== null) return { killedAt: reached.at, reached: reached.signal === 'SIGKILL' };
  } else {
    await caughtUp(server);
    await new Promise((resolve) => setTimeout(resolve, kill.afterMs));
  }
  const killedAt = Date.now();
  await server.kill();
  return { killedAt, reached: kill.kind === 'random' };
}

/** Waits until nothing that is due waits for long any more; goes on without, should that never be. */
async function caughtUp(server: ServerProcess): Promise<boolean> {
  return until(CAUGHT_UP_WITHIN_MS, async () => {
    const queue = await resourcesOf(server);
    return queue !== null && queue.oldestDueMs < CAUGHT_UP_MS;
  });
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}

async function compare(stage: Stage, load: Load, cycles: readonly Cycle[]): Promise<DrillResult> {
  const told = await readNotifications(stage.url);
  const listed = await readAll<{ readonly deliveryId: string }>(`${stage.url}/api/v1/held`);
  const evidence: Evidence = { answers: load.answers, kept: keptOf(told), seen: seenOf(stage.sink.ledgerFile, told) };
  for (const name of ['answers', 'seen', 'kept'] as const) write(stage.directory, name, evidence[name]);
  const report = check(evidence);
  const effects = new Set(evidence.seen.map((seen) => seen.operationId));
  const held = judgeHeld({ told, listed: new Set(listed.map((row) => row.deliveryId)), effects, cycles, sendTimeoutMs: SEND_TIMEOUT_MS });
  return {
    cycles: withRecoveries(cycles, evidence, told),
    counts: load.counts(),
    report,
    held,
    failures: [
      ...report.violations.map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`),
      ...held.filter((row) => row.wrong !== null).map((row) => `HELD ${row.deliveryId}: ${row.wrong}`),
      ...cycles.filter((cycle) => !cycle.reached).map((cycle) => `the failpoint ${cycle.kill} was not reached`),
      ...load.unanswered.map((key) => `${key} was never answered 2xx`),
    ],
    directory: stage.directory,
  };
}

function withRecoveries(cycles: readonly Cycle[], { seen }: Evidence, told: readonly ToldNotification[]) {
  const times = recoveries(
    cycles,
    seen.map((line) => line.at),
    told,
  );
  return cycles.map((cycle, index) => ({ ...cycle, ...(times[index] ?? { firstDeliveryMs: null, drainedMs: null }) }));
}
