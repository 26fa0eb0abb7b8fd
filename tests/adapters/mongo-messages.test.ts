import { afterAll, expect, test } from '@jest/globals';
import { messageDraft, messagesContract } from '../contracts/messages-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { type MongoHarness, makeMongo } from './mongo-harness.js';

/** More than one document may hold. */
const TOO_LARGE = 17 * 1024 * 1024;

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  messagesContract({ stillClock: false, durable: true }, () => makeMongo(server.uri));
  let made: MongoHarness | undefined;
  afterAll(() => made?.dispose());
  test('what it refuses for its content is no store that is away, and takes nobody else with it', async () => {
    made = await makeMongo(server.uri);
    const { messages } = made;
    const [good, refused] = await Promise.allSettled([
      messages.persist([messageDraft(1)]),
      messages.persist([messageDraft(2, { content: 'x'.repeat(TOO_LARGE) })]),
    ]);
    expect(good).toEqual({ status: 'fulfilled', value: ['stored'] });
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'internal', retryable: false } });
  }, 60_000);
});
