import { retentionContract } from '../contracts/retention-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongo } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  retentionContract(() => makeMongo(server.uri));
});
