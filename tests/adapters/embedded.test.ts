import { deskReaderContract } from '../contracts/desk-contract.js';
import { dutiesContract } from '../contracts/duties-contract.js';
import { fleetContract } from '../contracts/fleet-contract.js';
import { inboxContract } from '../contracts/inbox-contract.js';
import { outboxContract } from '../contracts/outbox-contract.js';
import { peopleContract } from '../contracts/people-contract.js';
import { queueContract } from '../contracts/queue-contract.js';
import { readerContract } from '../contracts/reader-contract.js';
import { retentionContract } from '../contracts/retention-contract.js';
import { storeContract } from '../contracts/store-contract.js';
import { INBOX_KEEP, makeEmbedded } from './embedded-harness.js';

const features = { stillClock: true, durable: true };

storeContract(features, makeEmbedded);
readerContract(features, makeEmbedded);
deskReaderContract(makeEmbedded);
outboxContract(features, makeEmbedded);
inboxContract({ ...features, keep: INBOX_KEEP }, makeEmbedded);
peopleContract(features, makeEmbedded);
queueContract({ priorities: true, delays: true, collapses: true, durable: true, fair: true }, makeEmbedded);
dutiesContract(makeEmbedded);
fleetContract(makeEmbedded);
retentionContract(makeEmbedded);
