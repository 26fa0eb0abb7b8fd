import type { Drill } from '../drill.js';
import type { Findings } from '../evidence.js';
import { freezeInTurns, LEARNT_MS } from '../freezing.js';
import type { Stage } from '../stage.js';

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
    const look = async (): Promise<void> => undefined;
    await freezeInTurns(stage, look, ({ worker, from, to, rise }) =>
      seen.push({ worker, from, to, fenced: rise('signalbox_fenced_total'), lost: rise('signalbox_leases_lost_total') }),
    );
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
