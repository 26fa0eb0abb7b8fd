import { describe, expect, test } from '@jest/globals';
import type { DeliveryFilter, DeliveryRow } from '../../src/ports/reader.js';
import type { WorkRecord } from '../../src/ports/record.js';
import { deferralOf, deliveryIn, doneOf, eventOf, intentOf, leaseOn, restOf } from './drafts.js';
import { type MakeStore, type StoreFeatures, StoreTester } from './harness.js';

/** What every `RecordReader` promises. */
export function readerContract(features: StoreFeatures, make: MakeStore): void {
  describe('RecordReader', () => {
    oneContract(features, make);
    describe('list', () => listContract(make));
    describe('listDeliveries', () => deskContract(features, make));
    describe('backlog', () => backlogContract(features, make));
  });
}

function oneContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('unknown keys give null or nothing', async () => {
    const key = { tenant: 't', id: 'missing' };
    expect(await t.reader.get(key)).toBeNull();
    expect(await t.reader.history(key)).toEqual({ events: [], ledger: [] });
    expect(await t.reader.delivery('t', 'missing')).toBeNull();
    expect(await t.reader.list({ tenant: 't', workload: 'notifications', limit: 10 })).toEqual([]);
    expect(await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10 })).toEqual([]);
  });

  test('history is in the order in which it was written, also within one write and over many', async () => {
    const record = await t.accept('a');
    const names: string[] = ['accepted'];
    for (let n = 0; n < 12; n += 1) {
      const held = await t.claim(record);
      const events = ['z', 'a', 'm'].map((name) => eventOf(`${name}${n}`, t.now() - n));
      await t.store.commit(leaseOn(held), { ...deferralOf(held, 1, t.now()), events });
      names.push(...events.map((event) => event.name));
    }
    expect((await t.reader.history(record)).events.map((event) => event.name)).toEqual(names);
  });

  test('a delivery is found by its id, with its record, within its tenant', async () => {
    const record = await t.accept('a', { channels: ['email', 'webhook'] });
    const delivery = deliveryIn(record, 'webhook');
    expect(await t.reader.delivery('t', delivery.id)).toEqual({ record, delivery });
    expect(await t.reader.delivery('another', delivery.id)).toBeNull();
  });

  test('the version rises with every write', async () => {
    const accepted = await t.accept('a');
    const versions = [accepted.version];
    const note = async (): Promise<void> => void versions.push((await t.get(accepted)).version);
    await t.outbox.published((await t.outbox.due(10, 60_000)).wakeUps);
    await note();
    const held = await t.claim(accepted);
    await note();
    await t.store.requestCancel(accepted, eventOf('cancel-requested', t.now()));
    await note();
    await t.store.commit(leaseOn(held), intentOf(held, 1, t.now()));
    await note();
    await t.store.commit(leaseOn(held), doneOf(held, 2, t.now()));
    await note();
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    if (features.stillClock) expect((await t.get(accepted)).updatedAt).toBe(t.now());
  });
}

function listContract(make: MakeStore): void {
  const t = new StoreTester(make);

  async function pages(query: { status?: WorkRecord['status']; open?: true; userId?: string }, limit: number): Promise<string[]> {
    const ids: string[] = [];
    let after: { createdAt: number; id: string } | undefined;
    for (;;) {
      const page = await t.reader.list({
        tenant: 't',
        workload: 'notifications',
        ...query,
        limit,
        ...(after === undefined ? {} : { after }),
      });
      ids.push(...page.map((record) => record.id));
      after = page.at(-1);
      if (page.length < limit || after === undefined) return ids;
    }
  }

  test('pages run through all records once, newest first, also where many have the same time', async () => {
    const at = t.now() - 1000;
    const drafts = Array.from({ length: 25 }, (_, n) => t.draft(`r${String(n).padStart(2, '0')}`, { createdAt: at + Math.floor(n / 8) }));
    await t.store.accept([...drafts].sort((a, b) => a.fingerprint.at(-1)?.localeCompare(b.fingerprint.at(-1) ?? '') ?? 0));
    const expected = drafts.map((draft) => draft.id).reverse();
    for (const limit of [1, 4, 8, 25, 100]) expect(await pages({}, limit)).toEqual(expected);
  });

  test('lists are of one tenant and one workload', async () => {
    await t.accept('mine');
    await t.accept('theirs', { tenant: 'another' });
    await t.accept('job', { workload: 'jobs' });
    expect(await pages({}, 10)).toEqual(['mine']);
    const jobs = await t.reader.list({ tenant: 't', workload: 'jobs', limit: 10 });
    expect(jobs.map((record) => record.id)).toEqual(['job']);
  });

  test('lists are filtered by status and by user, and page on under the filter', async () => {
    const at = t.now();
    for (let n = 0; n < 12; n += 1)
      await t.accept(`r${String(n).padStart(2, '0')}`, { userId: n % 3 === 0 ? 'ada' : null, createdAt: at - n });
    for (const id of ['r00', 'r04', 'r06', 'r11']) {
      const held = await t.claim({ tenant: 't', id });
      await t.store.commit(leaseOn(held), id === 'r04' ? restOf(held, 1, t.now(), 'dead') : doneOf(held, 1, t.now()));
    }
    expect(await pages({ userId: 'ada' }, 3)).toEqual(['r00', 'r03', 'r06', 'r09']);
    expect(await pages({ status: 'delivered' }, 2)).toEqual(['r00', 'r06', 'r11']);
    expect(await pages({ status: 'dead' }, 2)).toEqual(['r04']);
    expect(await pages({ status: 'delivered', userId: 'ada' }, 1)).toEqual(['r00', 'r06']);
    expect(await pages({ status: 'held' }, 5)).toEqual([]);
    expect((await pages({ status: 'queued' }, 5)).length).toBe(8);
  });

  test('what is open is listed in the same order whatever its status, and what is at rest is not', async () => {
    const at = t.now();
    for (const [n, id] of ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6'].entries()) {
      await t.accept(id, {
        userId: id === 'r6' ? 'bo' : 'ada',
        createdAt: at - Math.floor(n / 2),
        ...(id === 'r1' ? { dueAt: at + 60_000 } : {}),
      });
    }
    const processing = await t.claim({ tenant: 't', id: 'r2' });
    await t.store.commit(leaseOn(processing), intentOf(processing, 1, t.now()));
    const deferred = await t.claim({ tenant: 't', id: 'r3' });
    await t.store.commit(leaseOn(deferred), deferralOf(deferred, 1, t.now() + 60_000));
    const done = await t.claim({ tenant: 't', id: 'r4' });
    await t.store.commit(leaseOn(done), doneOf(done, 1, t.now()));
    const held = await t.claim({ tenant: 't', id: 'r5' });
    await t.store.commit(leaseOn(held), restOf(held, 1, t.now(), 'held'));
    for (const limit of [1, 2, 10]) expect(await pages({ open: true, userId: 'ada' }, limit)).toEqual(['r1', 'r0', 'r3', 'r2']);
    expect(await pages({ open: true }, 3)).toEqual(['r1', 'r0', 'r3', 'r2', 'r6']);
  });
}

function deskContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  async function rest(id: string, at: number, status: 'dead' | 'held', shape: { workload?: string; tenant?: string } = {}): Promise<void> {
    const held = await t.claim(await t.accept(id, shape));
    await t.store.commit(leaseOn(held), restOf(held, 1, at, status));
  }

  test('dead letters and held deliveries come newest first, in pages, each with its record', async () => {
    const at = t.now();
    for (let n = 0; n < 9; n += 1) await rest(`r${n}`, at + Math.floor(n / 3), n === 4 ? 'held' : 'dead');
    const seen: DeliveryRow[] = [];
    for (;;) {
      const last = seen.at(-1)?.delivery;
      const after = last === undefined ? {} : { after: { settledAt: last.settledAt ?? 0, id: last.id } };
      const page = await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 2, ...after });
      seen.push(...page);
      if (page.length < 2) break;
    }
    expect(seen.map((row) => row.record.id)).toEqual(['r8', 'r7', 'r6', 'r5', 'r3', 'r2', 'r1', 'r0']);
    for (const row of seen) {
      expect(row.record).toEqual(await t.get(row.record));
      expect(row.record.deliveries).toContainEqual(row.delivery);
    }
    const held = await t.reader.listDeliveries({ tenant: 't', status: 'held', limit: 2 });
    expect(held.map((row) => [row.record.id, row.delivery.status])).toEqual([['r4', 'held']]);
  });

  test('the desk is one tenant’s, and of one workload where that is asked', async () => {
    await rest('a', t.now(), 'dead');
    await rest('b', t.now(), 'dead', { workload: 'jobs' });
    await rest('c', t.now(), 'dead', { tenant: 'another' });
    const ids = async (workload?: string): Promise<string[]> => {
      const rows = await t.reader.listDeliveries({
        tenant: 't',
        status: 'dead',
        limit: 10,
        ...(workload === undefined ? {} : { workload }),
      });
      return rows.map((row) => row.record.id).sort();
    };
    expect(await ids()).toEqual(['a', 'b']);
    expect(await ids('jobs')).toEqual(['b']);
  });

  test('the desk is filtered by channel, cause, error code, user and time, each alone and together', async () => {
    const start = t.now();
    const cases = [
      { id: 'a', userId: 'ada', code: 'smtp_550', fingerprint: 'one', at: start },
      { id: 'b', userId: 'ada', code: 'timeout', fingerprint: 'two', at: start + 1 },
      { id: 'c', userId: 'bob', code: 'smtp_550', fingerprint: 'one', at: start + 2 },
      { id: 'd', userId: null, code: 'smtp_550', fingerprint: 'three', at: start + 3, channels: ['webhook'] },
    ] as const;
    for (const { id, userId, code, fingerprint, at, ...shape } of cases) {
      const held = await t.claim(await t.accept(id, { userId, ...shape }));
      const change = restOf(held, 1, at, 'dead');
      const deliveries = change.deliveries.map((delivery) => ({ ...delivery, fingerprint, failure: { code, message: 'No' } }));
      await t.store.commit(leaseOn(held), { ...change, deliveries });
    }
    const ids = async (filter: Omit<DeliveryFilter, 'tenant' | 'status'>): Promise<string> => {
      const rows = await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10, ...filter });
      return rows.map((row) => row.record.id).join('');
    };
    expect(await ids({})).toBe('dcba');
    expect(await ids({ channel: 'email' })).toBe('cba');
    expect(await ids({ channel: 'webhook' })).toBe('d');
    expect(await ids({ code: 'smtp_550' })).toBe('dca');
    expect(await ids({ fingerprint: 'one' })).toBe('ca');
    expect(await ids({ userId: 'ada' })).toBe('ba');
    expect(await ids({ since: start + 1, until: start + 3 })).toBe('cb');
    expect(await ids({ workload: 'notifications', userId: 'ada', code: 'smtp_550', fingerprint: 'one', channel: 'email' })).toBe('a');
    expect(await ids({ exceptWorkload: 'notifications' })).toBe('');
    expect(await ids({ exceptWorkload: 'jobs' })).toBe('dcba');
    expect(await ids({ userId: 'nobody' })).toBe('');
  });

  test('what is brought back leaves the desk, and comes to it again with its new cause', async () => {
    await rest('a', t.now(), 'dead');
    const [row] = await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10 });
    if (row === undefined) throw new Error('nothing on the desk');
    const back = { ...row.delivery, status: 'queued' as const, dueAt: t.now(), settledAt: null };
    const { version } = row.record;
    const amendment = { version, status: 'queued' as const, dueAt: t.now(), deliveries: [back], ledger: [], events: [] };
    await t.store.amend(row.record, { ...amendment, cancelRequestedAt: null });
    expect(await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10 })).toEqual([]);
    await t.pass(5);
    const held = await t.claim(row.record);
    await t.store.commit(leaseOn(held), restOf(held, 1, t.now(), 'held'));
    expect(await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10 })).toEqual([]);
    expect(await t.reader.listDeliveries({ tenant: 't', status: 'held', limit: 10 })).toHaveLength(1);
  });

  (features.durable ? test : test.skip)('a dead letter is there after a crash', async () => {
    await rest('a', t.now(), 'dead');
    const before = await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10 });
    await t.harness.restart('crashed');
    expect(await t.reader.listDeliveries({ tenant: 't', status: 'dead', limit: 10 })).toEqual(before);
  });
}

function backlogContract(features: StoreFeatures, make: MakeStore): void {
  const t = new StoreTester(make);

  test('the backlog counts open records, deliveries by status, and the age of what is longest overdue', async () => {
    expect(await t.reader.backlog()).toEqual({ open: 0, oldestDueMs: 0 });
    expect(await t.reader.deliveryCounts()).toEqual({});
    await t.accept('later', { dueAt: t.now() + 3_600_000 });
    expect((await t.reader.backlog()).oldestDueMs).toBe(0);
    await t.accept('two', { channels: ['email', 'webhook'], tenant: 'another' });
    await t.pass(1000);
    const held = await t.claim(await t.accept('held'));
    const dead = await t.claim(await t.accept('dead'));
    await t.store.commit(leaseOn(held), intentOf(held, 1, t.now()));
    await t.store.commit(leaseOn(dead), restOf(dead, 1, t.now(), 'dead'));
    const backlog = await t.reader.backlog();
    expect(backlog.open).toBe(3);
    expect(await t.reader.deliveryCounts()).toEqual({ scheduled: 1, queued: 2, processing: 1, dead: 1 });
    expect(backlog.oldestDueMs).toBeGreaterThanOrEqual(1000);
    if (features.stillClock) expect(backlog.oldestDueMs).toBe(1000);
    await t.store.commit(leaseOn(held), doneOf(held, 2, t.now()));
    const { processing = 0, ...others } = await t.reader.deliveryCounts();
    expect(processing).toBe(0);
    expect(others).toEqual({ scheduled: 1, queued: 2, delivered: 1, dead: 1 });
  });

  test('what was refused is not counted', async () => {
    const held = await t.claim(await t.accept('a'));
    const done = doneOf(held, 1, t.now());
    await t.store.commit(leaseOn(held), { ...done, release: false });
    const again = { ...done, seq: 2, deliveries: done.deliveries.map((delivery) => ({ ...delivery, status: 'dead' as const })) };
    await Promise.allSettled([t.accept('b'), t.store.commit(leaseOn(held), again), t.accept('c')]);
    expect(await t.reader.deliveryCounts()).toEqual({ queued: 2, delivered: 1 });
  });
}
