import { streamContract } from '../contracts/stream-contract.js';
import { streamMemoryContract } from '../contracts/stream-memory-contract.js';
import { makeEmbeddedStream } from './embedded-harness.js';

streamContract({ durable: true }, makeEmbeddedStream);
// As long as it is by default.
streamMemoryContract(async () => Object.assign(await makeEmbeddedStream(), { rememberMs: 300_000 }));
