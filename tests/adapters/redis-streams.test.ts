import { streamContract } from '../contracts/stream-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeRedisStream } from './redis-streams-harness.js';

const redis = await serverOrSkip('redis');

describeWith(redis, 'Redis Streams', ({ uri }) => streamContract({ durable: true }, () => makeRedisStream(uri)));
