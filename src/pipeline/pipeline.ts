import type { Chance, Ids } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Duties } from '../ports/duties.js';
import type { News } from '../ports/news.js';
import type { Outbox } from '../ports/outbox.js';
import type { PeopleStore } from '../ports/people.js';
import type { WakeUpQueue } from '../ports/queue.js';
import type { Rates } from '../ports/rates.js';
import type { RecordReader } from '../ports/reader.js';
import type { RecordStore } from '../ports/store.js';
import type { Watch } from '../ports/watch.js';
import { type Accept, createAccept } from './accept.js';
import { type Amend, createAmend } from './amend.js';
import { createBreakers } from './breaker.js';
import { createConsumer } from './consume.js';
import { createReconsider } from './reconsider.js';
import { createRelay } from './relay.js';
import type { PipelineSettings } from './settings.js';
import type { Workload } from './workload.js';

/** Everything the pipeline needs from outside; a simulation gives its own. */
export interface PipelineDeps {
  readonly store: RecordStore;
  readonly reader: RecordReader;
  readonly outbox: Outbox;
  readonly queue: WakeUpQueue;
  /** Left out: this process does every duty itself. */
  readonly duties?: Duties;
  /** Duties that this process may take on; the others it leaves to the rest of the fleet. Left out: all. */
  readonly mayHold?: ReadonlySet<string>;
  /** Left out: nobody else is there to be told. */
  readonly news?: News;
  /** Calls a second at each provider, counted over the fleet. Left out: in this process alone. */
  readonly rates?: Rates;
  /** Left out: nothing rests on what people choose. */
  readonly people?: Pick<PeopleStore, 'changed' | 'applied'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly ids: Ids;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
  /** Names this process in locks, logs and events. */
  readonly worker: string;
  readonly workloads: readonly Workload[];
  /** False: accept and publish, consume nothing. */
  readonly consume: boolean;
}

export interface Pipeline extends Amend {
  readonly accept: Accept;
  /** Someone has changed their choices, durably: what of theirs waits is looked at again, at once. */
  reconsider(): void;
  start(): void;
  /** Drains: takes nothing more, hands back what is not begun, waits for what is. Twice is fine. */
  stop(): Promise<void>;
  /** During a drain that takes too long: aborts what is under way, so that `stop` can resolve. */
  abandon(): void;
  /** Records that this process works on at this moment. */
  holds(): number;
}

export function createPipeline(deps: PipelineDeps): Pipeline {
  const relay = createRelay(deps);
  const amend = createAmend({ ...deps, relay });
  const breakers = createBreakers(deps.clock, deps.settings, deps.watch, deps.news);
  deps.news?.hear((item) => {
    if (item.kind === 'breaker') breakers.heard(item.name, item.state, item.openMs);
  });
  const consumer = createConsumer({
    ...deps,
    breakers,
    workloads: new Map(deps.workloads.map((workload) => [workload.name, workload])),
    expect: (inMs) => relay.expect(inMs),
    cancel: (key, actor) => amend.cancel(key, actor),
  });
  const workloads = deps.workloads.filter(({ circumstances }) => circumstances !== undefined).map(({ name }) => name);
  const reconsider = deps.people === undefined ? null : createReconsider({ ...deps, people: deps.people, relay, workloads });
  let stopped: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    // The consumer first: what it hands back is published by nobody here, but by whoever lives on.
    await consumer.stop();
    await reconsider?.stop();
    await relay.stop();
  };

  return {
    accept: createAccept({ ...deps, relay }),
    ...amend,
    reconsider: () => reconsider?.look(),
    start() {
      relay.start();
      reconsider?.start();
      if (deps.consume) consumer.start();
    },
    stop: () => (stopped ??= drain()),
    abandon: () => consumer.abandon(),
    holds: () => consumer.holds(),
  };
}
