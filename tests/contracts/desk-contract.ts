import { beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditQuery, DeskReader } from '../../src/ports/desk.js';
import type { RecordEvent } from '../../src/ports/record.js';
import { eventOf, leaseOn, restOf } from './drafts.js';
import { type MakeStore, type StoreHarness, StoreTester } from './harness.js';

/** What every `DeskReader` promises, on the store that it reads. */
export function deskReaderContract(make: () => Promise<StoreHarness & { readonly desk: DeskReader }>): void {
  let desk: () => DeskReader;
  const makeStore: MakeStore = async () => {
    const harness = await make();
    desk = () => harness.desk;
    return harness;
  };
  describe('DeskReader', () => {
    const t = new StoreTester(makeStore);

    async function die(id: string, at: number, code: string, shape: { userId?: string; channels?: string[] } = {}): Promise<void> {
      const held = await t.claim(await t.accept(id, shape));
      const change = restOf(held, 1, at, 'dead');
      const failure = { code, message: `${code} of ${id}` };
      const deliveries = change.deliveries.map((delivery) => ({ ...delivery, failure, fingerprint: `${delivery.channel} ${code}` }));
      await t.store.commit(leaseOn(held), { ...change, deliveries });
    }

    describe('count and groups', () => {
      let start: number;
      beforeEach(async () => {
        start = t.now();
        await die('a', start, 'timeout', { userId: 'ada' });
        await die('b', start + 5, 'smtp_550', { userId: 'ada' });
        await die('c', start + 2, 'timeout', { userId: 'bob' });
        await die('d', start + 9, 'timeout', { userId: 'bob', channels: ['webhook'] });
      });

      test('what matches is counted, whatever a page would hold', async () => {
        expect(await desk().count({ tenant: 't', status: 'dead' })).toBe(4);
        expect(await desk().count({ tenant: 't', status: 'dead', userId: 'ada' })).toBe(2);
        expect(await desk().count({ tenant: 't', status: 'dead', code: 'timeout', channel: 'email', until: start + 2 })).toBe(1);
        expect(await desk().count({ tenant: 't', status: 'held' })).toBe(0);
        expect(await desk().count({ tenant: 'another', status: 'dead' })).toBe(0);
      });

      test('deliveries of one cause are one group, the largest first, each with its newest as a sample', async () => {
        const groups = await desk().groups({ tenant: 't', status: 'dead' }, 10);
        expect(groups).toEqual([
          {
            fingerprint: 'email timeout',
            workload: 'notifications',
            channel: 'email',
            failure: { code: 'timeout', message: 'timeout of c' },
            count: 2,
            firstAt: start,
            lastAt: start + 2,
            sample: 'c:email',
          },
          expect.objectContaining({ fingerprint: 'webhook timeout', channel: 'webhook', count: 1, sample: 'd:webhook' }),
          expect.objectContaining({ fingerprint: 'email smtp_550', count: 1, sample: 'b:email' }),
        ]);
        expect(await desk().groups({ tenant: 't', status: 'dead' }, 2)).toHaveLength(2);
        const adas = await desk().groups({ tenant: 't', status: 'dead', userId: 'ada' }, 10);
        expect(adas.map((group) => [group.fingerprint, group.count, group.sample])).toEqual([
          ['email smtp_550', 1, 'b:email'],
          ['email timeout', 1, 'a:email'],
        ]);
      });

      test('held deliveries have no fingerprint and are grouped by channel and code', async () => {
        for (const id of ['x', 'y']) {
          const held = await t.claim(await t.accept(id));
          await t.store.commit(leaseOn(held), restOf(held, 1, start, 'held'));
        }
        expect(await desk().groups({ tenant: 't', status: 'held' }, 10)).toEqual([
          expect.objectContaining({ fingerprint: null, channel: 'email', count: 2, sample: 'y:email', failure: expect.anything() }),
        ]);
      });
    });

    describe('audit', () => {
      const doing = (name: string, at: number, actor: string, operation?: string): RecordEvent => ({
        ...eventOf(name, at),
        actor,
        audit: true,
        detail: { operation: operation ?? null },
      });

      async function write(id: string, events: readonly RecordEvent[]): Promise<void> {
        const record = (await t.reader.get({ tenant: 't', id })) ?? (await t.accept(id));
        const { version, status, dueAt } = record;
        await t.store.amend(record, { version, status, dueAt, deliveries: [], ledger: [], events, cancelRequestedAt: null });
      }

      async function all(query: Omit<AuditQuery, 'tenant' | 'limit'>, limit = 10): Promise<string[]> {
        const seen: string[] = [];
        let after: AuditQuery['after'];
        for (;;) {
          const page = await desk().audit({ tenant: 't', limit, ...query, ...(after === undefined ? {} : { after }) });
          seen.push(...page.map(({ recordId, event }) => `${recordId}:${event.name}:${event.actor}`));
          const last = page.at(-1);
          if (last === undefined || page.length < limit) return seen;
          after = { at: last.event.at, id: last.id };
        }
      }

      test('only what is marked is found, newest first, in pages and by action, actor and time', async () => {
        const at = t.now();
        await write('a', [doing('redriven', at, 'ada'), eventOf('noise', at), doing('discarded', at, 'bob')]);
        await write('b', [doing('redriven', at + 5, 'bob')]);
        await write('a', [doing('resolved', at + 1, 'ada')]);
        const expected = ['b:redriven:bob', 'a:resolved:ada', 'a:discarded:bob', 'a:redriven:ada'];
        for (const limit of [1, 2, 10]) expect(await all({}, limit)).toEqual(expected);
        expect(await all({ action: 'redriven' }, 1)).toEqual(['b:redriven:bob', 'a:redriven:ada']);
        expect(await all({ actor: 'bob' })).toEqual(['b:redriven:bob', 'a:discarded:bob']);
        expect(await all({ since: at + 1 })).toEqual(['b:redriven:bob', 'a:resolved:ada']);
        expect(await desk().audit({ tenant: 'another', limit: 10 })).toEqual([]);
      });

      test('an entry shows the event as it was written, and where', async () => {
        const event = doing('redriven', t.now(), 'ada', 'operation-1');
        await write('a', [event]);
        expect(await desk().audit({ tenant: 't', limit: 10 })).toEqual([
          { id: expect.any(String), recordId: 'a', workload: 'notifications', event },
        ]);
      });

      test('what an operation has done is counted', async () => {
        const at = t.now();
        await write('a', [doing('redriven', at, 'ada', 'one'), doing('redriven', at, 'ada', 'two')]);
        await write('b', [doing('redriven', at, 'ada', 'one')]);
        expect(await desk().doneBy('t', 'one')).toBe(2);
        expect(await desk().doneBy('t', 'three')).toBe(0);
        expect(await desk().doneBy('another', 'one')).toBe(0);
      });
    });
  });
}
