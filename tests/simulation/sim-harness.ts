import type { StoreHarness } from '../contracts/harness.js';
import type { PeopleHarness } from '../contracts/people-contract.js';
import type { QueueHarness } from '../contracts/queue-contract.js';
import { NO_FAULTS, noFaultCounts } from './faults.js';
import { EPOCH, Incarnation, type Setting } from './incarnation.js';
import { Referee } from './referee.js';
import { Rng } from './rng.js';
import { peopleOf, SimPeople } from './sim-people.js';
import { outboxOf, readerOf, storeOf } from './sim-ports.js';
import { SimQueue } from './sim-queue.js';
import { SimStore } from './sim-store.js';
import { World } from './world.js';

/** Virtual time that a call may take; what is due later waits for `pass`. */
const CALL_MS = 50;

/**
 * The simulated ports without faults, as the contract suites want them: the world goes on by itself while a test waits,
 * but only as far as calls take; the store's clock stands still unless `pass` moves it.
 */
export function makeSimulated(): Promise<StoreHarness & QueueHarness & PeopleHarness> {
  const world = new World(new Rng(1), false);
  const setting: Setting = { world, leaseMs: 3000, rates: NO_FAULTS, counts: noFaultCounts(), onCrash: () => undefined };
  let storeNow = EPOCH;
  const store = new SimStore(() => storeNow);
  const people = new SimPeople(() => storeNow);
  const referee = new Referee(world, store, people, { maxClaims: 5, leaseMs: 3000, sendTimeoutMs: 500, prompt: false });
  const queue = new SimQueue(setting, referee);
  const who = new Incarnation(setting, 'worker-1', 0, 0);
  let disposed = false;
  let until = 0;
  const goOn = async (): Promise<void> => {
    while (!disposed) await world.run(() => disposed, { steps: Number.MAX_SAFE_INTEGER, until: Math.max(until, world.now + CALL_MS) });
  };
  void goOn();
  return Promise.resolve({
    store: storeOf(who, store, referee),
    reader: readerOf(who, store, referee),
    outbox: outboxOf(who, store, referee),
    queue: queue.of(who),
    people: peopleOf(who, people, referee),
    now: () => storeNow,
    pass: (ms: number) => {
      storeNow += ms;
      until = world.now + ms;
      return new Promise<void>((resolve) => {
        world.in(ms, () => {
          world.touch();
          resolve();
        });
      });
    },
    restart: () => Promise.reject(new Error('a simulated store outlives nothing')),
    dispose: () => {
      disposed = true;
      return Promise.resolve();
    },
  });
}
