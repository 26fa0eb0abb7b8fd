import { keysContract } from '../contracts/keys-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongo } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  keysContract({ stillClock: false }, () => makeMongo(server.uri));
});
