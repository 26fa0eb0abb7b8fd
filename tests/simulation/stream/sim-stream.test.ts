import { describe } from '@jest/globals';
import { streamContract } from '../../contracts/stream-contract.js';
import { PARTITIONS, type StreamHarness } from '../../contracts/stream-tester.js';
import { NO_FAULTS, noFaultCounts } from '../faults.js';
import { EPOCH, Incarnation, type Setting } from '../incarnation.js';
import { Rng } from '../rng.js';
import { World } from '../world.js';
import { StreamReferee } from './referee.js';
import { sharedStream, streamOf } from './sim-ports.js';
import { SimStream } from './sim-stream.js';

/** Virtual time that a call may take; what is due later waits for `pass`. */
const CALL_MS = 50;

/** The simulated stream without faults: the world goes on by itself while a test waits; its clock stands still unless `pass` moves it. */
async function makeSimulated(): Promise<StreamHarness> {
  const world = new World(new Rng(1), false);
  const setting: Setting = { world, leaseMs: 3000, rates: NO_FAULTS, counts: noFaultCounts(), onCrash: () => undefined };
  let now = EPOCH;
  const stream = new SimStream(() => now);
  const shared = sharedStream(stream, new StreamReferee(world, stream));
  let disposed = false;
  let until = 0;
  const goOn = async (): Promise<void> => {
    while (!disposed) await world.run(() => disposed, { steps: Number.MAX_SAFE_INTEGER, until: Math.max(until, world.now + CALL_MS) });
  };
  void goOn();
  const ports = streamOf(new Incarnation(setting, 'p0', 0, 0), shared);
  await ports.control.prepare(PARTITIONS);
  return {
    stream: ports,
    another: async () => streamOf(new Incarnation(setting, 'p1', 0, 0), shared),
    pass: (ms: number) => {
      now += ms;
      until = world.now + ms;
      return new Promise<void>((resolve) => {
        world.in(ms, () => {
          world.touch();
          resolve();
        });
      });
    },
    restart: () => Promise.reject(new Error('a simulated stream outlives nothing')),
    dispose: async () => {
      disposed = true;
    },
  };
}

describe('the simulated stream', () => streamContract({ durable: false }, makeSimulated));
