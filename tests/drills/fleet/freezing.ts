import type { Member, Metrics } from './member.js';
import type { Stage } from './stage.js';

/** Past the lease by so much: others have taken over by then, or are about to. */
export const PAST_MS = 1_500;
/** So long after it goes on the worker has learnt of every lease that it lost. */
export const LEARNT_MS = 1_200;

/** One worker, frozen past its leases. Milliseconds since the epoch. */
export interface Frozen {
  readonly worker: string;
  readonly from: number;
  readonly to: number;
  /** By how much one of its counters rose meanwhile, until it had learnt what it lost. */
  rise(name: string, having?: string): number;
}

/**
 * Workers are frozen past their leases and go on, --cycles times: half of them at a time, so that there is always somebody to take over.
 * @param look is called right before a worker is frozen and right before it goes on
 */
export async function freezeInTurns<T>(
  stage: Stage,
  look: (worker: Member) => Promise<T>,
  seen: (frozen: Frozen, before: T, after: T) => void,
): Promise<void> {
  const lanes = Math.max(1, Math.floor(stage.workers.length / 2));
  let left = stage.options.cycles;
  let done = 0;
  const lane = async (own: readonly Member[]): Promise<void> => {
    for (let turn = 0; left > 0; turn += 1) {
      left -= 1;
      await freeze(stage, own[turn % own.length] as Member, look, seen);
      done += 1;
      if (done % 10 === 0) stage.say(`${done}/${stage.options.cycles} cycles`);
    }
  };
  const shares = Array.from({ length: lanes }, (_, index) => stage.workers.filter((_worker, at) => at % lanes === index));
  await Promise.all(shares.map(lane));
}

async function freeze<T>(
  stage: Stage,
  worker: Member,
  look: (worker: Member) => Promise<T>,
  seen: (frozen: Frozen, before: T, after: T) => void,
): Promise<void> {
  const counted = await worker.metrics();
  await stage.pass(stage.random.between(0, 500));
  const before = await look(worker);
  worker.pause();
  const from = Date.now();
  await stage.pass(stage.leaseMs + PAST_MS);
  const after = await look(worker);
  worker.resume();
  const to = Date.now();
  stage.faults.push({ name: `${worker.name}: SIGSTOP`, from, to, drainedWithinMs: null });
  await stage.pass(LEARNT_MS);
  const then = await worker.metrics();
  // A counter that could not be read says nothing: it must not pass for one that did not rise.
  if (counted === null || then === null) stage.fail(`${worker.name}: /metrics was not answered, its cycle shows nothing`);
  seen({ worker: worker.name, from, to, rise: (name, having) => riseOf(counted, then, name, having) }, before, after);
}

function riseOf(before: Metrics | null, after: Metrics | null, name: string, having?: string): number {
  return before === null || after === null ? 0 : after(name, having) - before(name, having);
}
