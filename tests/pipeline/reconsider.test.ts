import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createReconsider, type Reconsider } from '../../src/pipeline/reconsider.js';
import type { Choices } from '../../src/ports/people.js';
import type { RecordKey, WorkRecord } from '../../src/ports/record.js';
import type { Fact } from '../../src/ports/watch.js';
import { makeEmbedded } from '../adapters/embedded-harness.js';
import { ManualTime } from '../adapters/manual-time.js';
import { deferralOf, draftOf, leaseOn } from '../contracts/drafts.js';

const ANA = { tenant: 't', userId: 'ana' };
const NONE: Choices = { contacts: {}, channels: {}, categories: {}, quietHours: null };
const POLL_MS = 60_000;
const HOUR_MS = 3_600_000;

type Harness = Awaited<ReturnType<typeof makeEmbedded>>;

describe('A change of preferences', () => {
  let harness: Harness;
  let time: ManualTime;
  let offered: string[];
  let facts: Fact[];
  let running: Reconsider | undefined;

  beforeEach(async () => {
    harness = await makeEmbedded();
    time = new ManualTime();
    offered = [];
    facts = [];
  });
  afterEach(async () => {
    await running?.stop();
    await harness.dispose();
  });

  function start(ports: Partial<Harness> = {}): Reconsider {
    running = createReconsider({
      people: ports.people ?? harness.people,
      store: ports.store ?? harness.store,
      reader: ports.reader ?? harness.reader,
      relay: { offer: ({ id }) => void offered.push(id) },
      clock: time,
      timers: time,
      watch: (fact) => void facts.push(fact),
      settings: { pollIntervalMs: POLL_MS },
      worker: 'worker-1',
      workloads: ['notifications'],
    });
    running.start();
    return running;
  }

  /** Moves the loop's own clock; what it does takes turns of the event loop, and the store is waited for. */
  async function turn(ms = 0): Promise<void> {
    await time.pass(ms);
    for (let n = 0; n < 40; n += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  const get = async (id: string): Promise<WorkRecord> => {
    const record = await harness.reader.get({ tenant: 't', id });
    if (record === null) throw new Error(`${id} is gone`);
    return record;
  };

  async function accepted(id: string, userId = 'ana'): Promise<RecordKey> {
    await harness.store.accept([draftOf({ id, userId, createdAt: harness.now() })]);
    return { tenant: 't', id };
  }

  async function claimed(id: string): Promise<WorkRecord> {
    const request = { keys: [{ tenant: 't', id }], claimId: `claim-${id}-${Math.random()}`, worker: 'w', leaseMs: 30_000, alone: false };
    const [record] = (await harness.store.claim(request)).claimed;
    if (record === undefined) throw new Error(`${id} was not claimed`);
    return record;
  }

  /** Puts it off for an hour by this rule, as the holder of a lease would. */
  async function putOff(held: WorkRecord, reason = 'quiet-hours'): Promise<void> {
    const change = deferralOf(held, 1, harness.now() + HOUR_MS);
    await harness.store.commit(leaseOn(held), { ...change, deliveries: change.deliveries.map((delivery) => ({ ...delivery, reason })) });
  }

  async function deferred(id: string, options: { userId?: string; reason?: string } = {}): Promise<void> {
    await accepted(id, options.userId);
    await putOff(await claimed(id), options.reason);
  }

  const change = (): Promise<unknown> => harness.people.put(ANA, NONE, null);

  test('makes due what quiet hours put off, says so on the record, and wakes it', async () => {
    await deferred('a');
    await change();
    start();
    await turn();
    const record = await get('a');
    expect(record).toMatchObject({ status: 'queued', publish: 'pending' });
    expect(record.dueAt).toBeLessThanOrEqual(harness.now());
    expect(record.deliveries[0]).toMatchObject({ status: 'queued', reason: 'preferences.changed', attempts: 0 });
    expect(offered).toEqual(['a']);
    const { events } = await harness.reader.history(record);
    expect(events.at(-1)).toMatchObject({
      name: 'reconsidered',
      rule: 'preferences.changed',
      actor: 'worker-1',
      detail: { personVersion: 1, until: harness.now() + HOUR_MS },
    });
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('leaves alone what waits for another reason, and what is another person’s', async () => {
    await deferred('retry', { reason: 'retry.backoff' });
    await deferred('bo', { userId: 'bo' });
    await accepted('queued');
    await change();
    start();
    await turn();
    expect(offered).toEqual([]);
    expect((await get('retry')).deliveries[0]?.reason).toBe('retry.backoff');
    expect((await get('bo')).deliveries[0]?.reason).toBe('quiet-hours');
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('reaches everything that waits, however much it is', async () => {
    for (let n = 0; n < 230; n += 1) await accepted(`r${n}`);
    await Promise.all(Array.from({ length: 230 }, async (_, n) => putOff(await claimed(`r${n}`))));
    await change();
    start();
    for (let n = 0; n < 20; n += 1) await turn();
    expect(new Set(offered).size).toBe(230);
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('is looked at when asked to, not only at the next poll', async () => {
    const reconsider = start();
    await turn();
    await deferred('a');
    await change();
    await turn();
    expect(offered).toEqual([]);
    reconsider.look();
    await turn();
    expect(offered).toEqual(['a']);
  });

  test('is found by the poll when nobody asked: whoever stored it may have died', async () => {
    start();
    await turn();
    await deferred('a');
    await change();
    await turn(POLL_MS);
    expect(offered).toEqual(['a']);
  });

  test('is found after a crash between the change and its application', async () => {
    await deferred('a');
    await change();
    await harness.restart('crashed');
    start();
    await turn();
    expect(offered).toEqual(['a']);
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('comes back to what a worker holds: by the old choices it may still be put off', async () => {
    await accepted('a');
    const held = await claimed('a');
    await change();
    start();
    await turn();
    expect(await harness.people.changed(10)).toHaveLength(1);
    await putOff(held);
    await turn(50);
    expect(offered).toEqual(['a']);
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('waits for a holder whose lease ran out as long as nobody took over: it may still write', async () => {
    await accepted('a');
    const held = await claimed('a');
    await change();
    start();
    await harness.pass(40_000);
    await turn();
    await turn(1000);
    expect(await harness.people.changed(10)).toHaveLength(1);
    await putOff(held);
    await turn(4000);
    expect(offered).toEqual(['a']);
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('releases each record once, also while it waits for another that is held', async () => {
    await deferred('a');
    await accepted('held');
    const held = await claimed('held');
    await change();
    start();
    await turn();
    expect(offered).toEqual(['a']);
    // Decided anew by the new choices, and put off again.
    await putOff(await claimed('a'));
    for (let n = 0; n < 6; n += 1) await turn(2000);
    expect(offered).toEqual(['a']);
    await putOff(held, 'retry.backoff');
    await turn(2000);
    expect(await harness.people.changed(10)).toEqual([]);
    expect((await get('a')).deliveries[0]?.reason).toBe('quiet-hours');
  });

  test('reads again what someone else changed under its hands', async () => {
    await deferred('a');
    await change();
    let rival = true;
    const store = new Proxy(harness.store, {
      get: (target, name) =>
        name !== 'amend'
          ? Reflect.get(target, name)
          : async (key: RecordKey, amendment: Parameters<Harness['store']['amend']>[1]) => {
              if (rival) {
                rival = false;
                const { deliveries, ...same } = amendment;
                const record = await get('a');
                await harness.store.amend(key, { ...same, deliveries: [], status: record.status, dueAt: record.dueAt, events: [] });
                expect(deliveries).toHaveLength(1);
              }
              return harness.store.amend(key, amendment);
            },
    });
    start({ store });
    await turn();
    expect(offered).toEqual(['a']);
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('that came while an earlier one was applied is applied as well', async () => {
    await deferred('a');
    await change();
    let once = true;
    const people = new Proxy(harness.people, {
      get: (target, name) =>
        name !== 'applied'
          ? (Reflect.get(target, name) as () => unknown).bind(target)
          : async (person: Parameters<Harness['people']['applied']>[0]) => {
              if (once) {
                once = false;
                await change();
                await deferred('b');
              }
              await harness.people.applied(person);
            },
    });
    const reconsider = start({ people });
    await turn();
    reconsider.look();
    await turn();
    expect(offered).toEqual(['a', 'b']);
    expect(await harness.people.changed(10)).toEqual([]);
  });

  test('survives a store that does not answer for a while', async () => {
    await deferred('a');
    await change();
    let fails = 2;
    const reader = new Proxy(harness.reader, {
      get: (target, name) =>
        name !== 'list'
          ? (Reflect.get(target, name) as () => unknown).bind(target)
          : (query: Parameters<Harness['reader']['list']>[0]) => {
              fails -= 1;
              return fails >= 0 ? Promise.reject(new Error('away')) : harness.reader.list(query);
            },
    });
    start({ reader });
    for (let n = 0; n < 3; n += 1) await turn(1000);
    expect(facts.filter((fact) => fact.kind === 'trouble')).toHaveLength(2);
    expect(offered).toEqual(['a']);
    expect(await harness.people.changed(10)).toEqual([]);
  });
});
