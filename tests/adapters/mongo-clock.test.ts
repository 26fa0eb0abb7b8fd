import { afterEach, expect, test } from '@jest/globals';
import { type Mongo, openMongo } from '../../src/adapters/mongo/mongo.js';
import { draftOf } from '../contracts/drafts.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { databaseOn, INBOX_KEEP, makeMongo, optionsFor } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'A process whose view of the server’s clock is old', (server) => {
  let opened: Mongo[] = [];
  afterEach(async () => {
    for (const mongo of opened) await mongo.close();
    opened = [];
  });

  test('claims what is due all the same, and calls nothing not due that is', async () => {
    const uri = databaseOn(server.uri);
    const options = { ...optionsFor(uri), inboxKeep: INBOX_KEEP };
    const other = await openMongo({ ...options, migrate: true });
    // Its monotonic time stands still, so its reading of the server's clock is never renewed and falls behind.
    const behind = await openMongo({ ...options, clock: { now: () => 0, monotonic: () => 0 } });
    opened = [other, behind];
    const [early] = await behind.store.accept([draftOf({ id: 'early', createdAt: 0 })]);
    expect(early?.outcome).toBe('created');
    const harness = await makeMongo(server.uri);
    await harness.pass(1500);
    await harness.dispose();
    await other.store.accept([draftOf({ id: 'late', createdAt: Date.now() })]);
    const request = { claimId: 'c', worker: 'w', leaseMs: 30_000, alone: false };
    const result = await behind.store.claim({ ...request, keys: [{ tenant: 't', id: 'late' }] });
    expect(result.refused).toEqual([]);
    expect(result.claimed.map(({ id }) => id)).toEqual(['late']);
  });
});
