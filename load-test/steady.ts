import { randomUUID } from 'node:crypto';
import type { Violation } from '../tools/ledger/entry.js';
import { type Baselines, measureReceiver, measureSqlite } from './baselines.js';
import { countOf } from './fleet.js';
import { FleetWatch } from './fleet-watch.js';
import { constantTimes, OpenLoop, poissonTimes } from './generator.js';
import { machineName } from './machine.js';
import { fatesOf, figuresOf, histogramOf, ledgerOf, type Measured, secondsOf } from './measure.js';
import type { Options } from './options.js';
import { Progress } from './progress.js';
import { type Arrival, startOwnReceiver } from './receiver.js';
import { readRecords } from './records.js';
import type { FleetUse, HistoryEntry, Look, Result } from './result.js';
import type { Setup } from './setup.js';
import { now } from './stats.js';
import { checksOf } from './verdict.js';

/** Every so many notifications is sent once more under its key: 2.5 %. */
const REPEAT_EVERY = 40;
const POLL_MS = 200;
/** After the load: how long nothing may arrive before it is over. */
const SILENCE_MS = 15_000;
/** Also of a fleet that a fault has only just left. */
const REST_WITHIN_MS = 60_000;
/** Between now and the first arrival. */
const LEAD_MS = 200;
const SHOWN_VIOLATIONS = 20;

/** A constant load over many users, and what came of it, beside what this machine can do at most. */
export async function runSteady(setup: Setup, options: Options, command: string, say: (line: string) => void): Promise<Result> {
  const baselines = options.baselines ? await measureBaselines(setup.target.fleet.kind, say) : null;
  return { ...(await measure(setup, options, command, say)), baselines };
}

/** One load at one rate, and what came of it. */
export async function measure(setup: Setup, options: Options, command: string, say: (line: string) => void): Promise<Result> {
  const measured = await load(setup, options, say);
  const fates = fatesOf(measured);
  const ledger = ledgerOf(measured);
  const figures = figuresOf(measured, fates, ledger);
  const checks = checksOf(figures, options.rate, measured.fleet);
  return {
    ...entryOf(setup, options, command),
    figures,
    fleet: measured.fleet,
    baselines: null,
    checks,
    passed: checks.every(({ met }) => met),
    seconds: secondsOf(measured, fates),
    histogram: histogramOf(fates),
    looks: measured.looks.map((look) => ({ ...look, at: (look.at - measured.startedAt) / 1000 })),
    shownViolations: shown(ledger.violations),
  };
}

/** The history's line: everything but what only the report shows. */
export function historyOf(result: Result): HistoryEntry {
  const { seconds: _seconds, histogram: _histogram, looks: _looks, shownViolations: _shown, ...entry } = result;
  return entry;
}

function entryOf({ target, receiverName: receiver }: Setup, options: Options, command: string) {
  const { duration, rate, users, channels, arrivals, scenario } = options;
  const { urls, own, fleet } = target;
  return {
    at: new Date().toISOString(),
    command,
    scenario: scenario === 'find-max' ? ('find-max' as const) : ('steady' as const),
    node: process.version,
    machine: machineName(),
    target: { url: urls.join(','), own, receiver, kind: fleet.kind, apis: countOf(fleet, 'api'), workers: countOf(fleet, 'worker') },
    load: { duration, rate, users, channels, arrivals },
  };
}

function shown(violations: readonly Violation[]): readonly Violation[] {
  return violations.slice(0, SHOWN_VIOLATIONS);
}

/** Bare SQLite says nothing of a cluster, and the build that it needs could change under running processes. */
async function measureBaselines(kind: FleetUse['kind'], say: (line: string) => void): Promise<Baselines> {
  say(kind === 'embedded' ? 'baselines: bare SQLite, then the bare receiver' : 'baseline: the bare receiver');
  const sqlite = kind === 'embedded' ? await measureSqlite() : { sqlitePerSecond: null, commitsPerSecond: null };
  const receiver = await startOwnReceiver(0);
  try {
    const { recipient } = receiver.address('baseline', 'baseline');
    return { ...sqlite, ...(await measureReceiver(recipient)) };
  } finally {
    await receiver.end();
  }
}

interface Loaded extends Measured {
  readonly looks: readonly Look[];
  readonly fleet: FleetUse;
}

async function load(setup: Setup, options: Options, say: (line: string) => void): Promise<Loaded> {
  const { client, receivers, target } = setup;
  const { duration, rate, users, channels } = options;
  const durationMs = duration * 1000;
  const run = `lt-${randomUUID().slice(0, 8)}`;
  const generator = new OpenLoop(client, run, receivers);
  const watch = new FleetWatch(target.fleet);
  const arrivals: Arrival[] = [];
  await watch.start();
  const startedAt = now() + LEAD_MS;
  const progress = new Progress(durationMs, startedAt, () => ({
    ...generator.counts,
    inFlight: generator.inFlight,
    arrived: arrivals.length,
  }));
  const collector = collect(setup, arrivals);
  say(`load: ${rate} /s for ${duration} s over ${users} users by ${channels.join(', ')}, ${options.arrivals} arrivals, 2.5 % repeats`);
  if (options.progress) progress.start();
  const times = options.arrivals === 'poisson' ? poissonTimes(rate, durationMs) : constantTimes(rate, durationMs);
  const userOf = (n: number): string => `load_${n % users}`;
  await generator.play({ name: 'n', times, userOf, channels, repeatEvery: REPEAT_EVERY }, startedAt);
  const expected = generator.items.filter(({ error, channel }) => error === null && channel !== 'in-app').length;
  await collector.rest(expected);
  if (options.progress) progress.stop();
  const fleet = await watch.stop();
  await generator.settleUnanswered();
  say(`at rest after ${((now() - startedAt) / 1000).toFixed(1)} s; reading ${generator.items.length} records to compare`);
  const ids = generator.items.flatMap(({ recordId }) => (recordId === null ? [] : [recordId]));
  const told = await readRecords(client, ids, REST_WITHIN_MS);
  for (const receiver of new Set(receivers.values())) arrivals.push(...(await receiver.finish(told)));
  return { startedAt, durationMs, items: generator.items, arrivals: ofThisRun(arrivals, told), told, looks: watch.looks, fleet };
}

/** The sink and the receiver may get what others send, too; an effect of ours without a record of ours stays and is a ghost. */
function ofThisRun(arrivals: readonly Arrival[], told: Measured['told']): readonly Arrival[] {
  const ours = new Set(told.flatMap(({ deliveries }) => deliveries.map(({ operationId }) => operationId)));
  return arrivals.filter(({ operationId, target }) => ours.has(operationId) || target.includes('/lt-') || target.startsWith('lt-'));
}

/** Gathers what arrives while the load runs. */
export function collect(setup: Pick<Setup, 'receivers'>, arrivals: Arrival[]) {
  let running = true;
  let lastAt = now();
  const receivers = [...new Set(setup.receivers.values())];
  const look = async (): Promise<void> => {
    for (const receiver of receivers) {
      const fresh = await receiver.poll();
      if (fresh.length > 0) lastAt = now();
      for (const arrival of fresh) arrivals.push(arrival);
    }
  };
  const watching = (async () => {
    while (running) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  })();
  return {
    /** Resolves when so many have arrived, or nothing has for a while. */
    async rest(expected: number): Promise<void> {
      lastAt = now();
      while (arrivals.length < expected && now() - lastAt < SILENCE_MS) await new Promise((resolve) => setTimeout(resolve, 50));
      running = false;
      await watching;
      await look();
    },
  };
}
