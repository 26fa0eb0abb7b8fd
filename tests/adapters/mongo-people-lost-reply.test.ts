import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Mongo, openMongo } from '../../src/adapters/mongo/mongo.js';
import { type CuttingProxy, startCuttingProxy } from '../support/servers/cutting-proxy.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { databaseOn, INBOX_KEEP, optionsFor } from './mongo-harness.js';

const ADA = { tenant: 't', userId: 'ada' };
const MUTED = { contacts: {}, channels: { email: false }, categories: {}, quietHours: null };

describeWith(await serverOrSkip('mongodb'), 'A person on MongoDB whose change is answered, and the answer is lost', (server) => {
  let proxy: CuttingProxy;
  let mongo: Mongo;
  beforeEach(async () => {
    const uri = new URL(databaseOn(server.uri));
    proxy = await startCuttingProxy(Number(uri.port));
    uri.hostname = '127.0.0.1';
    uri.port = String(proxy.port);
    mongo = await openMongo({ ...optionsFor(uri.href), inboxKeep: INBOX_KEEP, migrate: true });
  });
  afterEach(async () => {
    await mongo.close();
    await proxy.close();
  });

  test('is told stored: the repeated command finds its own version, and that is no conflict', async () => {
    await mongo.people.put(ADA, { ...MUTED, channels: {} }, 0);
    proxy.loseAnswerTo('findAndModify', 'people');
    const { outcome, person } = await mongo.people.put(ADA, MUTED, 1);
    expect(proxy.cuts).toBe(1);
    expect({ outcome, version: person?.version, channels: person?.channels }).toEqual({
      outcome: 'stored',
      version: 2,
      channels: { email: false },
    });
    expect((await mongo.people.get(ADA))?.version).toBe(2);
  });

  test('is told of a conflict when the version there is somebody else’s', async () => {
    await mongo.people.put(ADA, { ...MUTED, channels: {} }, 0);
    await mongo.people.put(ADA, { ...MUTED, channels: { sms: false } }, 1);
    proxy.loseAnswerTo('findAndModify', 'people');
    const { outcome, person } = await mongo.people.put(ADA, MUTED, 1);
    expect(proxy.cuts).toBe(1);
    expect({ outcome, channels: person?.channels }).toEqual({ outcome: 'conflict', channels: { sms: false } });
  });
});
