import { copiesContract } from '../contracts/copies-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongoCopies } from './mongo-copies-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  copiesContract(() => makeMongoCopies(server.uri));
});
