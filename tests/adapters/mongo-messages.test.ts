import { messagesContract } from '../contracts/messages-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongo } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  messagesContract({ stillClock: false, durable: true }, () => makeMongo(server.uri));
});
