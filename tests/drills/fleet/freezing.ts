import type { Member, Metrics } from './member.js';
import type { Stage } from './stage.js';

/** Past the lease by so much: others have taken over by then, or are about to. */
const PAST_MS = 1_500;
/** So long after it goes on the worker has learnt of every lease that it lost. */
export const LEARNT_MS = 1_200;

/** One worker, frozen past its leases. Milliseconds since the epoch. */
export interface Frozen {
  readonly worker: string;
  readonly from: number;
  readonly to: number;
  /** By how much one of its counters rose meanwhile, until it had learnt what it lost. */
  rise(name: string): number;
}

/** Workers are frozen past their leases and go on, --cycles times: half of them at a time, so that there is always somebody to take over. */
export async function freezeInTurns(stage: Stage, seen: (frozen: Frozen) => void): Promise<void> {
  const lanes = Math.max(1, Math.floor(stage.workers.length / 2));
  let left = stage.options.cycles;
  let done = 0;
  const lane = async (own: readonly Member[]): Promise<void> => {
    for (let turn = 0; left > 0; turn += 1) {
      left -= 1;
      seen(await freeze(stage, own[turn % own.length] as Member));
      done += 1;
      if (done % 10 === 0) stage.say(`${done}/${stage.options.cycles} cycles`);
    }
  };
  const shares = Array.from({ length: lanes }, (_, index) => stage.workers.filter((_worker, at) => at % lanes === index));
  await Promise.all(shares.map(lane));
}

async function freeze(stage: Stage, worker: Member): Promise<Frozen> {
  const before = await worker.metrics();
  await stage.pass(stage.random.between(0, 500));
  worker.pause();
  const from = Date.now();
  await stage.pass(stage.leaseMs + PAST_MS);
  worker.resume();
  const to = Date.now();
  stage.faults.push({ name: `${worker.name}: SIGSTOP`, from, to, drainedWithinMs: null });
  await stage.pass(LEARNT_MS);
  const after = await worker.metrics();
  // A counter that could not be read says nothing: it must not pass for one that did not rise.
  if (before === null || after === null) stage.fail(`${worker.name}: /metrics was not answered, its cycle shows nothing`);
  return { worker: worker.name, from, to, rise: (name) => riseOf(before, after, name) };
}

function riseOf(before: Metrics | null, after: Metrics | null, name: string): number {
  return before === null || after === null ? 0 : after(name) - before(name);
}
