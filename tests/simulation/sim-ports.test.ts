import { describe } from '@jest/globals';
import { outboxContract } from '../contracts/outbox-contract.js';
import { peopleContract } from '../contracts/people-contract.js';
import { queueContract } from '../contracts/queue-contract.js';
import { readerContract } from '../contracts/reader-contract.js';
import { storeContract } from '../contracts/store-contract.js';
import { makeSimulated } from './sim-harness.js';

/** The fakes are held to the contracts that the real adapters are held to: what the simulation proves, it proves of these. */
describe('the simulated ports', () => {
  const features = { stillClock: true, durable: false };
  storeContract(features, makeSimulated);
  outboxContract(features, makeSimulated);
  readerContract(features, makeSimulated);
  peopleContract(features, makeSimulated);
  queueContract({ priorities: true, delays: true, collapses: false, durable: false, fair: false }, makeSimulated);
});
