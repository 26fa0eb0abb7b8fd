import { jest } from '@jest/globals';
import { queueContract } from '../contracts/queue-contract.js';
import { makeRabbit, Stage } from './rabbitmq-harness.js';

// A broker that was killed needs its time to start on a busy machine.
jest.setTimeout(120_000);
const stage = new Stage();

queueContract({ priorities: true, delays: true, collapses: false, durable: true, fair: false }, () => makeRabbit(stage));
