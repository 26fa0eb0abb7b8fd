import { afterAll, beforeAll } from '@jest/globals';
import { queueContract } from '../contracts/queue-contract.js';
import { Broker } from './rabbitmq-broker.js';
import { makeRabbit } from './rabbitmq-harness.js';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(() => broker.dispose());

queueContract({ priorities: true, delays: true, collapses: false, durable: true, fair: false }, () => makeRabbit(broker));
