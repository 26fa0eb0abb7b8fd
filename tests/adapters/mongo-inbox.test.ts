import { inboxContract } from '../contracts/inbox-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { INBOX_KEEP, makeMongo } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  inboxContract({ stillClock: false, durable: true, keep: INBOX_KEEP }, () => makeMongo(server.uri));
});
