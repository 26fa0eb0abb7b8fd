import type { Outbox } from '../../src/ports/outbox.js';
import type { FaultRates } from './faults.js';
import type { SimStore } from './sim-store.js';

/**
 * What a run is held to. All nets are on in `normal`; the others take one away by a decorator around a port, so that
 * what this net would have healed shows. The unchanged pipeline holds in every one of them.
 */
export interface Configuration {
  readonly name: string;
  readonly about: string;
  /** No faults, and receivers that are well: then everything is delivered at the first attempt. */
  readonly calm: boolean;
  /** Faults that only the net that is off can heal. */
  readonly without: readonly (keyof FaultRates)[];
  /** Receivers take longer than a lease to answer. */
  readonly slowReceivers: boolean;
  /** One receiver of each kind, and one place at it. */
  readonly crowded: boolean;
  /** What is run: notifications on a store, or messages on a stream. */
  readonly protocol: 'store' | 'stream';
  outbox(inner: Outbox, store: SimStore): Outbox;
}

const NORMAL: Configuration = {
  name: 'normal',
  about: 'every net on',
  calm: false,
  without: [],
  slowReceivers: false,
  crowded: false,
  protocol: 'store',
  outbox: (inner) => inner,
};

export const CONFIGURATIONS: readonly Configuration[] = [
  NORMAL,
  {
    ...NORMAL,
    name: 'no-lease-rescue',
    about: "the sweeper does not see a dead worker's records; the broker gives its wake-ups out again",
    // A claim that arrives after its sender has died and others have acked the wake-up has no other rescue.
    without: ['wakeUpLost', 'late'],
    outbox: (inner, store) => ({
      published: (wakeUps) => inner.published(wakeUps),
      async due(limit, republishAfterMs) {
        const scan = await inner.due(limit, republishAfterMs);
        return { ...scan, wakeUps: scan.wakeUps.filter((wakeUp) => (store.row(wakeUp)?.record.lockedBy ?? null) === null) };
      },
    }),
  },
  {
    ...NORMAL,
    name: 'no-republish',
    about: 'what was published once is not published again',
    without: ['wakeUpLost'],
    outbox: (inner) => ({ published: (wakeUps) => inner.published(wakeUps), due: (limit) => inner.due(limit, Number.MAX_SAFE_INTEGER) }),
  },
  {
    ...NORMAL,
    name: 'slow',
    about: 'faults, and receivers that take longer than a lease',
    slowReceivers: true,
  },
  {
    ...NORMAL,
    name: 'calm',
    about: 'no faults at all, and the sweeper does not see what was only just accepted: the relay alone must wake it',
    calm: true,
    outbox: (inner, store) => ({
      published: (wakeUps) => inner.published(wakeUps),
      async due(limit, republishAfterMs) {
        const scan = await inner.due(limit, republishAfterMs);
        const seen = scan.wakeUps.filter((wakeUp) => {
          const record = store.row(wakeUp)?.record;
          return record === undefined || record.claims > 0 || record.status === 'scheduled';
        });
        return { ...scan, wakeUps: seen };
      },
    }),
  },
  {
    ...NORMAL,
    name: 'calm-slow',
    about: 'no faults, receivers that take longer than a lease: renewal alone keeps the lease',
    calm: true,
    slowReceivers: true,
  },
  {
    ...NORMAL,
    name: 'calm-crowded',
    about: 'no faults, and one place at each receiver: much stands in line',
    calm: true,
    crowded: true,
  },
  {
    ...NORMAL,
    name: 'stream',
    about: 'messages on a partitioned log: owners by lease, claims, settlements, parked keys, changing partitions',
    protocol: 'stream',
  },
];

/** @throws when there is none of this name */
export function configurationOf(name: string): Configuration {
  const found = CONFIGURATIONS.find((configuration) => configuration.name === name);
  if (found === undefined) throw new Error(`no configuration ${name}: one of ${CONFIGURATIONS.map((one) => one.name).join(', ')}`);
  return found;
}
