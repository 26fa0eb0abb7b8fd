import { EventEmitter, once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Mongo, openMongo } from '../../src/adapters/mongo/mongo.js';
import { DatabaseConnectionPool } from '../../src/adapters/mongo/pool.js';
import { draftOf, intentOf, leaseOn } from '../contracts/drafts.js';
import { type OwnServer, serverOrSkip, startOwn } from '../support/servers/servers.js';
import { databaseOn, INBOX_KEEP, optionsFor } from './mongo-harness.js';

const ANSWER_MS = 1500;
const LEASE_MS = 600_000;
/** Beyond the limit itself: for a busy machine. */
const ROOM_MS = 1000;

const wanted = await serverOrSkip('mongodb');

('server' in wanted ? describe : describe.skip)('A MongoDB that fails', () => {
  let server: OwnServer;
  let mongo: Mongo | undefined;
  let events: EventEmitter;
  let heard: string[];

  beforeAll(async () => {
    server = await startOwn('mongodb');
  }, 120_000);
  afterAll(async () => {
    await server.dispose();
  });
  beforeEach(async () => {
    if (!server.running) await server.start();
  }, 60_000);

  afterEach(() => mongo?.close());

  async function open(uri = databaseOn(server.uri)): Promise<Mongo> {
    events = new EventEmitter();
    heard = [];
    const onConnection = (event: string, detail: string): void => {
      heard.push(event);
      events.emit(event, detail);
    };
    mongo = await openMongo({ ...optionsFor(uri, { answerMs: ANSWER_MS, onConnection }), inboxKeep: INBOX_KEEP, migrate: true });
    return mongo;
  }

  test('everything that was acknowledged before it was killed is there when it is back, and the connection is too', async () => {
    const uri = databaseOn(server.uri);
    const { store, probe } = await open(uri);
    const acknowledged: string[] = [];
    let stopped = false;
    const accepting = (async () => {
      for (let n = 0; n < 100_000 && !stopped; n += 10) {
        const drafts = Array.from({ length: 10 }, (_, i) => draftOf({ id: `r${n + i}`, createdAt: Date.now() }));
        const results = await store.accept(drafts).catch(() => []);
        acknowledged.push(...results.map((result) => result.record.id));
        if (acknowledged.length >= 100) events.emit('enough');
      }
    })();
    await once(events, 'enough');
    const [first] = acknowledged;
    const { claimed } = await store.claim({
      keys: [{ tenant: 't', id: first ?? '' }],
      claimId: 'c',
      worker: 'w',
      leaseMs: LEASE_MS,
      alone: false,
    });
    const [held] = claimed;
    if (held === undefined) throw new Error('not claimed');
    const committed = await store.commit(leaseOn(held), intentOf(held, 1, Date.now()));
    const gone = once(events, 'disconnected');
    await server.kill();
    await gone;
    stopped = true;
    await accepting;
    const back = once(events, 'reconnected');
    await server.start();
    await back;
    await probe();
    const again = await store.accept(acknowledged.map((id) => draftOf({ id, createdAt: Date.now() })));
    expect(again.filter((result) => result.outcome !== 'repeat')).toEqual([]);
    expect(await store.commit(leaseOn(held), intentOf(held, 1, Date.now()))).toEqual(committed);
    expect(heard).toEqual(['connected', 'disconnected', 'reconnected']);
  }, 120_000);

  test('a server that is silent is refused within the time limit of a command, also for those who wait in line', async () => {
    const { store, probe } = await open();
    await store.accept([draftOf({ id: 'before', createdAt: Date.now() })]);
    await server.pause();
    try {
      const startedAt = performance.now();
      const calls = [
        ...Array.from({ length: 50 }, () => probe()),
        store.accept([draftOf({ id: 'during', createdAt: Date.now() })]),
        store.claim({ keys: [{ tenant: 't', id: 'before' }], claimId: 'c', worker: 'w', leaseMs: LEASE_MS, alone: false }),
      ];
      const answers = await Promise.allSettled(calls);
      expect(performance.now() - startedAt).toBeLessThan(ANSWER_MS + ROOM_MS);
      for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'store-unavailable' } });
    } finally {
      await server.resume();
    }
    await server.ping();
    expect((await store.accept([draftOf({ id: 'during', createdAt: Date.now() })]))[0]?.record.id).toBe('during');
  }, 60_000);

  test('where no server answers opening is refused, in about a second', async () => {
    await server.kill();
    const startedAt = performance.now();
    await expect(DatabaseConnectionPool.open(optionsFor(databaseOn(server.uri)))).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(3000);
  }, 60_000);
});
