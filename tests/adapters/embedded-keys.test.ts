import { keysContract } from '../contracts/keys-contract.js';
import { makeEmbedded } from './embedded-harness.js';

keysContract({ stillClock: true }, makeEmbedded);
