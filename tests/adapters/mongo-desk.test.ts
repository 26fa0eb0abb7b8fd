import { deskReaderContract } from '../contracts/desk-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongo } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  deskReaderContract(() => makeMongo(server.uri));
});
