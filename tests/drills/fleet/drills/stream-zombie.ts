import { until } from '../../stage.js';
import type { Drill } from '../drill.js';
import { freezeInTurns, LEARNT_MS, PAST_MS } from '../freezing.js';
import type { Member } from '../member.js';
import { type MessageFindings, storedLate } from '../messages/evidence.js';
import { type StreamStatus, streamOfAny } from '../messages/stream.js';
import { MESSAGE_WORK } from '../messages/work.js';
import type { Stage } from '../stage.js';

/** What one that was frozen held, and what it had to find out. */
export interface ZombieCycle {
  readonly worker: string;
  readonly from: number;
  /** Partitions that it owned, and how many of them had another owner when it went on. */
  readonly held: number;
  readonly taken: number;
  /** What the log refused it, and partitions that it gave up as lost. */
  readonly refused: number;
  readonly lost: number;
}

/** One that should have settled something by now has no work. */
const REACHED_WITHIN_MS = 30_000;

const cycles = new WeakMap<Stage, ZombieCycle[]>();

/** Consumers are frozen past the leases of their partitions and go on as if no time had passed: nothing of what they still do may count. */
export const streamZombie: Drill<MessageFindings> = {
  name: 'stream-zombie',
  about:
    'SIGSTOP to a consumer of messages past its lease, then SIGCONT, --cycles times: it settles nothing, and stores nothing out of order',
  work: MESSAGE_WORK,
  scale: { rate: 100, cycles: 20, workers: 4, leaseMs: 2_000 },
  async fault(stage) {
    const seen: ZombieCycle[] = [];
    cycles.set(stage, seen);
    const look = (): Promise<StreamStatus | null> => streamOfAny(stage);
    await freezeInTurns(stage, look, ({ worker, from, rise }, before, after) => {
      const held = ownedIn(before, worker);
      const taken = [...held].filter(([partition, fence]) => (fenceIn(after, partition) ?? fence) > fence).length;
      const refused = rise('stream_fenced_total');
      seen.push({ worker, from, held: held.size, taken, refused, lost: rise('stream_partitions_total', 'state="lost"') });
    });
    await stopAtSettling(stage);
  },
  judge(stage, { histories }) {
    const seen = cycles.get(stage) ?? [];
    const sum = (of: (cycle: ZombieCycle) => number): number => seen.reduce((all, one) => all + of(one), 0);
    stage.figure('cycles', seen.length);
    stage.figure(
      'partitions that others took meanwhile',
      sum(({ taken }) => taken),
    );
    stage.figure(
      'partitions that it then gave up as lost',
      sum(({ lost }) => lost),
    );
    stage.figure(
      'reads and settlements that were refused it',
      sum(({ refused }) => refused),
    );
    return [...unnoticed(seen), ...storedLate(histories)];
  },
};

/**
 * One that is frozen anywhere mostly finds out by its own clock before it does anything. This one is stopped between storing a batch
 * and settling it, and the next thing that it does is to settle: only the log's fence can refuse that.
 */
async function stopAtSettling(stage: Stage): Promise<void> {
  const worker = stage.workers[0] as Member;
  await worker.stop();
  await worker.start({ FAILPOINT: `before-ack:${stage.random.between(20, 40)}:stop` });
  await stage.fault(`${worker.name}: SIGSTOP before it settles`, null, async () => {
    if (!(await until(REACHED_WITHIN_MS, async () => worker.stopped))) stage.fail(`${worker.name} has settled nothing`);
    await stage.pass(stage.leaseMs + PAST_MS);
    worker.resume();
  });
  await stage.pass(LEARNT_MS);
  const refused = (await worker.metrics())?.('stream_fenced_total', 'during="settle"') ?? 0;
  stage.figure('settlements refused to one that was stopped before it settled', refused);
  if (refused === 0) stage.fail('a settlement that came too late was not refused');
}

/** By partition, its fence. */
function ownedIn(status: StreamStatus | null, worker: string): ReadonlyMap<number, number> {
  const own = status?.depth.filter(({ owner }) => owner === worker) ?? [];
  return new Map(own.map(({ partition, fence }) => [partition, fence ?? 0]));
}

function fenceIn(status: StreamStatus | null, wanted: number): number | null {
  return status?.depth.find(({ partition }) => partition === wanted)?.fence ?? null;
}

/** A zombie must have found out that it is one; and the drill must have made some. */
export function unnoticed(seen: readonly ZombieCycle[]): readonly string[] {
  const silent = seen.filter(({ taken, refused, lost }) => taken > 0 && refused + lost === 0);
  return [
    ...silent.map(
      ({ worker, from }) => `${worker} did not notice that others own its partitions, frozen at ${new Date(from).toISOString()}`,
    ),
    ...(seen.some(({ taken }) => taken > 0) ? [] : ['nobody took a partition of a frozen consumer: the drill has shown nothing']),
  ];
}
