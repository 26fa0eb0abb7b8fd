import { streamContract } from '../contracts/stream-contract.js';
import { makeEmbeddedStream } from './embedded-harness.js';

streamContract({ durable: true }, makeEmbeddedStream);
