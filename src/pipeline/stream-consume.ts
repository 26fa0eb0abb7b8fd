import type { Chance } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Layout, StreamFleet, StreamPorts } from '../ports/stream.js';
import type { Watch } from '../ports/watch.js';
import { Company } from './company.js';
import { createLoop } from './loop.js';
import { Pace } from './pace.js';
import { createPartitions } from './partitions.js';
import type { StreamHandler } from './stream-handler.js';
import { openLane } from './stream-lane.js';
import type { StreamSettings } from './stream-settings.js';

/** Between two times that settled entries are removed, and others kept from being forgotten. */
const UPKEEP_MS = 5_000;

export interface StreamConsumerDeps extends StreamPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly watch: Watch;
  /** Names this process among the owners. */
  readonly worker: string;
  readonly settings: StreamSettings;
  readonly handle: StreamHandler;
}

/** This process's part in consuming a stream. */
export interface StreamConsumer {
  start(): void;
  /** Reads nothing more, waits for what is under way, gives its partitions up. Before the start and twice are fine. */
  stop(): Promise<void>;
  /** Gives up on what is under way: signals fire, nothing more is settled. */
  abandon(): void;
  /** Entries that it works on at this moment. */
  holds(): number;
}

/** The owner of some partitions: reads them, has their entries handled, and is the only one to settle them. */
export function createStreamConsumer(deps: StreamConsumerDeps): StreamConsumer {
  const { log, clock, timers, watch, worker, settings } = deps;
  let known: StreamFleet | undefined;
  const heard = (fleet: StreamFleet): void => {
    const changed = known?.paused !== fleet.paused || layoutChanged(known.layout, fleet.layout);
    known = fleet;
    if (changed) for (const lane of partitions.lanes()) lane.wake();
  };
  const lanes = {
    ...deps,
    company: new Company(),
    pace: new Pace(clock, timers),
    paused: () => known?.paused ?? false,
    stale: (hold: Parameters<typeof partitions.lose>[0]) => partitions.lose(hold),
    idle: () => {
      // Perhaps that was the last of the old epoch: whoever looks finds out, and opens the new one.
      if (known?.layout.moving !== null) partitions.look();
    },
  };
  const partitions = createPartitions({ ...deps, heard, open: (hold) => openLane(lanes, hold) });

  const upkeep = createLoop(clock, timers, async () => {
    // Once for all: by whoever is first on the list.
    if (known?.owners[0] !== worker) return UPKEEP_MS;
    try {
      await log.trim(settings.keep);
      await log.remember();
    } catch (error) {
      watch({ kind: 'trouble', where: 'stream.upkeep', error });
    }
    return UPKEEP_MS;
  });
  let stopped: Promise<void> | undefined;
  return {
    start() {
      partitions.start();
      upkeep.start();
    },
    stop: () => (stopped ??= Promise.all([upkeep.stop(), partitions.stop()]).then(() => undefined)),
    abandon: () => partitions.abandon(),
    holds: () => partitions.lanes().reduce((sum, lane) => sum + lane.holds(), 0),
  };
}

function layoutChanged(before: Layout, now: Layout): boolean {
  return before.epoch !== now.epoch || (before.moving === null) !== (now.moving === null);
}
