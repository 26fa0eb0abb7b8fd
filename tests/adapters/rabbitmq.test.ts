import { afterAll, beforeAll } from '@jest/globals';
import { queueContract } from '../contracts/queue-contract.js';
import { type Broker, startBroker } from './rabbitmq-broker.js';
import { makeRabbit } from './rabbitmq-harness.js';

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.dispose());

queueContract({ priorities: true, delays: true, collapses: false, durable: true, fair: false }, () => makeRabbit(broker));
