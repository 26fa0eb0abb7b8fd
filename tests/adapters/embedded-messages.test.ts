import { messagesContract } from '../contracts/messages-contract.js';
import { makeEmbedded } from './embedded-harness.js';

messagesContract({ stillClock: true, durable: true }, makeEmbedded);
