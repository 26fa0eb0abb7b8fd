import type { Drill } from '../drill.js';
import type { Findings } from '../evidence.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';

/** Past the lease by so much: others have taken over by then, or are about to. */
const PAST_MS = 1_500;
/** So long after it goes on the worker has learnt of every lease that it lost. */
const LEARNT_MS = 1_200;
/** So slow that a worker always has calls under way. */
const RECEIVER_MS = 400;

interface Cycle {
  readonly worker: string;
  readonly from: number;
  readonly to: number;
  readonly fenced: number;
  readonly lost: number;
}

const cycles = new WeakMap<Stage, Cycle[]>();

/** Workers are frozen past their leases and go on as if no time had passed: nothing of what they still do may count. */
export const zombie: Drill = {
  name: 'zombie',
  about: 'SIGSTOP to a worker past its lease, then SIGCONT, --cycles times: its writes must be refused, and no ack be wrong',
  scale: { cycles: 20, workers: 4, leaseMs: 2_000 },
  async fault(stage) {
    const seen: Cycle[] = [];
    cycles.set(stage, seen);
    await slowReceiver(stage);
    // Half of them at a time, so that there is always somebody to take over.
    const lanes = Math.max(1, Math.floor(stage.workers.length / 2));
    let left = stage.options.cycles;
    const lane = async (own: readonly Member[]): Promise<void> => {
      for (let turn = 0; left > 0; turn += 1) {
        left -= 1;
        seen.push(await freeze(stage, own[turn % own.length] as Member));
        if (seen.length % 10 === 0) stage.say(`${seen.length}/${stage.options.cycles} cycles`);
      }
    };
    const shares = Array.from({ length: lanes }, (_, index) => stage.workers.filter((_worker, at) => at % lanes === index));
    await Promise.all(shares.map(lane));
    await fetch(`${stage.sink.httpUrl}/sink/behaviour`, { method: 'DELETE' });
  },
  judge: (stage, findings) => judge(stage, findings, cycles.get(stage) ?? []),
};

async function slowReceiver(stage: Stage): Promise<void> {
  for (const channel of ['webhook', 'sms', 'push']) {
    const body = JSON.stringify({ channel, then: { do: 'delay', delayMs: RECEIVER_MS } });
    const response = await fetch(`${stage.sink.httpUrl}/sink/behaviour`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (!response.ok) throw new Error(`the sink took no behaviour: ${response.status} ${await response.text()}`);
  }
}

async function freeze(stage: Stage, worker: Member): Promise<Cycle> {
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
  const rise = (name: string): number => (before === null || after === null ? 0 : after(name) - before(name));
  return { worker: worker.name, from, to, fenced: rise('signalbox_fenced_total'), lost: rise('signalbox_leases_lost_total') };
}

function judge(stage: Stage, { histories }: Findings, seen: readonly Cycle[]): readonly string[] {
  // What others took over while it was frozen is what it held: their history says from when on the record was another's.
  const takenOver = seen.map(({ worker, from, to }) => {
    let taken = 0;
    for (const events of histories.values()) {
      const at = events.findIndex((event) => event.name === 'fenced' && within(event.at, from, to));
      const earlier = events.slice(0, Math.max(0, at)).findLast((event) => event.name === 'claimed' || event.name === 'attempted');
      if (at !== -1 && earlier?.actor === worker) taken += 1;
    }
    return taken;
  });
  const holding = takenOver.filter((taken) => taken > 0).length;
  const fencing = seen.filter((cycle) => cycle.fenced > 0).length;
  const silent = seen.filter((cycle, index) => (takenOver[index] ?? 0) > 0 && cycle.fenced + cycle.lost === 0);
  stage.figure('cycles', seen.length);
  stage.figure('cycles in which others took over what it held', holding);
  stage.figure(
    'records taken over',
    takenOver.reduce((sum, taken) => sum + taken, 0),
  );
  stage.figure('cycles in which its writes were refused', fencing);
  stage.figure(
    'signalbox_fenced_total, rise over all',
    seen.reduce((sum, cycle) => sum + cycle.fenced, 0),
  );
  stage.figure(
    'signalbox_leases_lost_total, rise over all',
    seen.reduce((sum, cycle) => sum + cycle.lost, 0),
  );
  return [
    ...silent.map(({ worker, from }) => `${worker} did not notice that it had lost its work, frozen at ${new Date(from).toISOString()}`),
    ...(fencing === 0 ? ['no write was ever refused: the drill has shown nothing'] : []),
    ...(holding === 0 ? ['no frozen worker held anything: the drill has shown nothing'] : []),
  ];
}

function within(at: string, from: number, to: number): boolean {
  return Date.parse(at) >= from && Date.parse(at) <= to + LEARNT_MS;
}
