import type { Report } from '../../../tools/ledger/entry.js';
import { until } from '../stage.js';
import type { Drill } from './drill.js';
import type { LoadCounts } from './load.js';
import type { FaultRecovery } from './recovery.js';
import { resourcesAtRest } from './rest.js';
import { type Fault, Stage, type StageOptions } from './stage.js';

export interface Performed {
  readonly drill: string;
  readonly options: Pick<StageOptions, 'rate' | 'seconds' | 'cycles' | 'apis' | 'workers' | 'leaseMs' | 'seed'>;
  readonly faults: readonly (Fault & FaultRecovery)[];
  readonly counts: LoadCounts;
  readonly figures: readonly (readonly [string, string | number])[];
  readonly report: Report;
  /** Counts besides the balance; last what its broker still has when nobody is left to take it. */
  readonly rest: readonly (readonly [string, number])[];
  readonly tookMs: number;
  /** What must hold and does not, one line each; empty when the drill is passed. */
  readonly failures: readonly string[];
  /** Kept, with ledgers, histories and logs, unless the drill is passed. */
  readonly directory: string;
}

/** Steady load before the fault, and after it. */
const BEFORE_MS = 3_000;
const AFTER_MS = 3_000;
const CAUGHT_UP_WITHIN_MS = 90_000;

/** Sets the stage, lets it happen, waits for rest, and judges. */
export async function perform(drill: Drill<unknown>, options: StageOptions): Promise<Performed> {
  const startedAt = performance.now();
  const stage = await Stage.open(options);
  let keep = true;
  try {
    options.say(`${stage.apis.length} APIs and ${stage.workers.length} workers are up after ${seconds(startedAt)} s`);
    await underLoad(stage, drill);
    const atRest = await resourcesAtRest(stage);
    options.say(atRest ? 'at rest; comparing the ledgers' : 'something does not come to rest; comparing the ledgers');
    const result = await judged(stage, drill, startedAt);
    keep = result.failures.length > 0;
    return result;
  } finally {
    await stage.close(keep);
  }
}

async function underLoad(stage: Stage, drill: Drill<unknown>): Promise<void> {
  stage.startLoad();
  try {
    await stage.pass(BEFORE_MS);
    await drill.fault(stage);
    if (!(await stage.caughtUp(CAUGHT_UP_WITHIN_MS))) stage.fail(`not caught up ${CAUGHT_UP_WITHIN_MS / 1000} s after the last fault`);
    await stage.pass(AFTER_MS);
  } finally {
    await stage.load.stop();
  }
}

async function judged(stage: Stage, drill: Drill<unknown>, startedAt: number): Promise<Performed> {
  const { rate, seconds: lasting, cycles, apis, workers, leaseMs, seed } = stage.options;
  const { work } = stage.options;
  const findings = await work.findings(stage);
  const { report, recoveries, failures: wrong, rows } = work.judge(stage, findings);
  const faults = stage.faults.map((fault, index) => ({ ...fault, ...(recoveries[index] as FaultRecovery) }));
  const own = drill.judge?.(stage, findings) ?? [];
  const { waiting, disorderly } = await leftAtTheEnd(stage);
  const counts = stage.load.counts();
  const failures = [
    ...stage.failures,
    ...own,
    ...report.violations.map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`),
    ...wrong,
    ...disorderly,
    ...(waiting === 0 ? [] : [`${waiting} are left with the broker although all is at rest`]),
    ...lateOnes(faults),
    ...stage.load.wrong.map((line) => `a wrong answer: ${line}`),
    ...stage.load.offers.filter(({ acceptedAt }) => acceptedAt === null).map(({ key }) => `${key} was never accepted`),
    ...(counts.withoutRetryAfter === 0 ? [] : [`${counts.withoutRetryAfter} answers of 503 or 429 did not say when to come back`]),
  ];
  return {
    drill: drill.name,
    options: { rate, seconds: lasting, cycles, apis, workers, leaseMs, seed },
    faults,
    counts,
    figures: stage.figures,
    report,
    rest: [...rows, ['left with the broker when all had gone', waiting]],
    tookMs: Math.round(performance.now() - startedAt),
    failures,
    directory: stage.directory,
  };
}

/** A wake-up of what is at rest may still be put off: it is settled when it comes up. */
const PUT_OFF_MS = 40_000;

/** Whatever a process held unacknowledged is handed back when it ends: afterwards the broker's own count is the whole truth. */
async function leftAtTheEnd(stage: Stage): Promise<{ readonly waiting: number; readonly disorderly: readonly string[] }> {
  const { work } = stage.options;
  await until(PUT_OFF_MS + stage.leaseMs, async () => (await work.left(stage)) === 0);
  const disorderly = await stage.endMembers();
  const waiting = await work.left(stage);
  return { waiting, disorderly };
}

function lateOnes(faults: readonly (Fault & FaultRecovery)[]): readonly string[] {
  return faults
    .filter(({ drainedMs, drainedWithinMs }) => drainedWithinMs !== null && drainedMs !== null && drainedMs > drainedWithinMs)
    .map(({ name, drainedMs, drainedWithinMs }) => `${name}: over after ${drainedMs} ms, ${drainedWithinMs} ms allowed`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
