import { storeContract } from '../contracts/store-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongo } from './mongo-harness.js';

const features = { stillClock: false, durable: true };

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  storeContract(features, () => makeMongo(server.uri));
});
