import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GroupCommit } from '../../src/adapters/embedded/group-commit.js';
import { HotRecords } from '../../src/adapters/embedded/hot-records.js';
import { INBOX_SQL } from '../../src/adapters/embedded/inbox.js';
import { MESSAGES_SQL } from '../../src/adapters/embedded/messages.js';
import { type OpenFile, openFile } from '../../src/adapters/embedded/open.js';
import { EmbeddedOutbox, OUTBOX_SQL } from '../../src/adapters/embedded/outbox.js';
import { EmbeddedQueue } from '../../src/adapters/embedded/queue.js';
import { BACKLOG_SQL, DELIVERY_SQL, deliveriesSql, EmbeddedReader, listSql } from '../../src/adapters/embedded/reader.js';
import { RESTED_SQL } from '../../src/adapters/embedded/retention.js';
import { Rows } from '../../src/adapters/embedded/rows.js';
import type { Database, Statement } from '../../src/adapters/embedded/sqlite.js';
import { EmbeddedStore } from '../../src/adapters/embedded/store.js';
import { Tally } from '../../src/adapters/embedded/tally.js';
import { deferralOf, doneOf, draftOf, eventOf, intentOf, leaseOn } from '../contracts/drafts.js';
import { temporaryDirectory } from './embedded-harness.js';
import { ManualTime } from './manual-time.js';

const IOERR_FSYNC = 1034;

/** The adapter's parts on a database that tells what is prepared, counts commits, and fails one when told to. */
class Bench {
  readonly prepared: string[] = [];
  readonly fatal: Error[] = [];
  readonly time = new ManualTime();
  commits = 0;
  failWith: number | undefined;
  readonly store: EmbeddedStore;
  readonly reader: EmbeddedReader;
  readonly queue: EmbeddedQueue;
  readonly group: GroupCommit;
  readonly hot: HotRecords;
  readonly outbox: EmbeddedOutbox;

  constructor(readonly file: OpenFile) {
    const database: Database = {
      exec: (sql) => file.database.exec(sql),
      close: () => file.database.close(),
      prepare: (sql) => this.#prepare(sql),
    };
    const tally = new Tally(database);
    const hot = new HotRecords(new Rows(database));
    this.hot = hot;
    const onFatal = (error: Error): void => void this.fatal.push(error);
    this.group = new GroupCommit(database, tally, this.time, { onFatal, onRollback: () => hot.clear() });
    this.store = new EmbeddedStore(database, this.group, this.time, hot, tally);
    this.reader = new EmbeddedReader(database, this.group, this.time);
    this.queue = new EmbeddedQueue(database, this.group, this.time);
    this.outbox = new EmbeddedOutbox(database, this.group, this.time, hot);
  }

  #prepare(sql: string): Statement {
    this.prepared.push(sql);
    const statement = this.file.database.prepare(sql);
    if (sql !== 'COMMIT') return statement;
    return {
      get: (...values) => statement.get(...values),
      all: (...values) => statement.all(...values),
      run: (...values) => {
        if (this.failWith !== undefined) throw Object.assign(new Error('disk I/O error'), { errcode: this.failWith });
        this.commits += 1;
        return statement.run(...values);
      },
    };
  }

  accept(id: string, body = 'A body') {
    return this.store.accept([draftOf({ id, createdAt: this.time.now(), body })]);
  }

  plan(sql: string): string {
    const steps = this.file.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[];
    return steps.map((step) => step.detail).join('; ');
  }
}

let directory: ReturnType<typeof temporaryDirectory>;
let bench: Bench;

beforeEach(async () => {
  directory = temporaryDirectory();
  bench = new Bench(await openFile(directory.path));
});
afterEach(() => {
  bench.file.close();
  directory.dispose();
});

describe('group commit', () => {
  test('all writes of a turn are one transaction, and no read sees them before it is committed', async () => {
    const accepts = Array.from({ length: 100 }, (_, n) => bench.accept(`r${n}`));
    const publish = bench.queue.publish([draftOf({ id: 'a', createdAt: 1 })]);
    expect(await bench.reader.get({ tenant: 't', id: 'r0' })).toBeNull();
    expect((await bench.reader.backlog()).open).toBe(0);
    expect(bench.commits).toBe(0);
    await accepts[0];
    expect(bench.commits).toBe(1);
    expect((await bench.reader.backlog()).open).toBe(100);
    await Promise.all([...accepts, publish]);
    expect(bench.commits).toBe(1);
  });

  test('a write that fails takes nobody with it', async () => {
    const bad = {
      ...draftOf({ id: 'bad', createdAt: 1 }),
      deliveries: draftOf({ id: 'x', createdAt: 1 }).deliveries.flatMap((each) => [each, each]),
    };
    const [first, second, third] = await Promise.allSettled([bench.accept('a'), bench.store.accept([bad]), bench.accept('b')]);
    expect([first.status, second.status, third.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(second).toMatchObject({ reason: { name: 'SignalboxError', code: 'conflict' } });
    expect(await bench.reader.get(bad)).toBeNull();
    expect((await bench.reader.backlog()).open).toBe(2);
    expect(await bench.reader.deliveryCounts()).toEqual({ queued: 2 });
  });

  test('a long turn is cut into transactions, in order', async () => {
    const order: number[] = [];
    const slow = Array.from({ length: 5 }, (_, n) =>
      bench.group.write(
        () => void bench.time.pass(40),
        () => order.push(n),
      ),
    );
    await Promise.all(slow);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(bench.commits).toBe(3);
  });

  test('a failed fsync is told once, and nothing is accepted any more', async () => {
    await bench.accept('before');
    bench.failWith = IOERR_FSYNC;
    const results = await Promise.allSettled([bench.accept('a'), bench.accept('b')]);
    bench.failWith = undefined;
    const refused = { name: 'SignalboxError', code: 'store-unavailable' };
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: refused });
    await expect(bench.accept('c')).rejects.toMatchObject(refused);
    await expect(bench.reader.get({ tenant: 't', id: 'before' })).rejects.toMatchObject(refused);
    await expect(bench.queue.publish([draftOf({ id: 'a', createdAt: 1 })])).rejects.toMatchObject({ code: 'queue-unavailable' });
    expect(bench.fatal).toHaveLength(1);
    expect(bench.fatal[0]).toMatchObject(refused);
  });

  test('a full disk refuses writes, loses nothing, answers reads, and takes writes when there is room again', async () => {
    bench.file.database.exec('PRAGMA max_page_count = 90');
    const kept: string[] = [];
    let full: unknown;
    for (let n = 0; full === undefined; n += 1) {
      await bench.accept(`r${n}`, 'x'.repeat(2000)).then(
        () => kept.push(`r${n}`),
        (error: unknown) => {
          full = error;
        },
      );
    }
    expect(full).toMatchObject({ name: 'SignalboxError', code: 'store-full', status: 507 });
    expect(kept.length).toBeGreaterThan(5);
    await expect(bench.accept('more', 'x'.repeat(20_000))).rejects.toMatchObject({ code: 'store-full' });
    expect((await bench.reader.backlog()).open).toBe(kept.length);
    bench.file.database.exec('PRAGMA max_page_count = 10000');
    await bench.accept('more', 'x'.repeat(20_000));
    for (const id of [...kept, 'more']) expect(await bench.reader.get({ tenant: 't', id })).not.toBeNull();
    expect(bench.fatal).toEqual([]);
  });

  test('a wake-up that could not be forgotten on a full disk comes again', async () => {
    const arrivals: string[] = [];
    let taken = (): void => {};
    let settle: () => Promise<void> = async () => {};
    bench.queue.consume(1, ([wakeUp]) => {
      if (wakeUp === undefined) return;
      arrivals.push(wakeUp.id);
      settle = () => wakeUp.ack();
      taken();
    });
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        taken = resolve;
      });
    const first = next();
    await bench.queue.publish([draftOf({ id: 'a', createdAt: 1 })]);
    await first;
    bench.failWith = 13;
    await expect(settle()).rejects.toMatchObject({ code: 'queue-unavailable' });
    bench.failWith = undefined;
    const second = next();
    await bench.time.pass(1000);
    await second;
    expect(arrivals).toEqual(['a', 'a']);
    await settle();
    expect(await bench.queue.depth()).toEqual({ waiting: 0, taken: 0 });
  });
});

describe('hot records', () => {
  test('what is remembered of a record is what the file has, whatever was done, refused and rolled back', async () => {
    let seed = 7;
    const draw = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const keys = Array.from({ length: 6 }, (_, n) => ({ tenant: 't', id: `r${n}` }));
    const act = async (): Promise<unknown> => {
      const key = keys[draw(keys.length)] ?? { tenant: 't', id: 'r0' };
      const record = await bench.reader.get(key);
      if (record === null) return bench.accept(key.id);
      const at = bench.time.now();
      const { seq: _seq, release: _release, ...change } = deferralOf(record, 1, at);
      const seq = draw(4) + 1;
      const acts = [
        () => bench.store.claim({ keys, claimId: `c${seed}`, worker: `w${draw(2)}`, leaseMs: 50, alone: draw(2) === 0 }),
        () => bench.store.commit(leaseOn(record), draw(2) === 0 ? intentOf(record, seq, at) : deferralOf(record, seq, at + 20)),
        // Fails when it is the second: everything of its turn is rolled back and done again.
        () => bench.store.commit(leaseOn(record), { ...doneOf(record, seq, at), dueAt: at, release: draw(2) === 0 }),
        () => bench.store.renew([leaseOn(record)], 50),
        () => bench.store.amend(record, { ...change, version: record.version - draw(2), cancelRequestedAt: null }),
        () => bench.store.requestCancel(record, eventOf('cancel-requested', at)),
        async () => bench.outbox.published((await bench.outbox.due(3, 40)).wakeUps),
      ];
      return acts[record.lockedBy === null ? ([0, 4, 5, 6][draw(4)] ?? 0) : draw(acts.length)]?.();
    };
    const outcomes: PromiseSettledResult<unknown>[] = [];
    for (let round = 0; round < 300; round += 1) {
      outcomes.push(...(await Promise.allSettled([act(), act(), act()])));
      await bench.time.pass(draw(30));
      for (const key of keys) expect(bench.hot.find(key)?.record ?? null).toEqual(await bench.reader.get(key));
    }
    expect(outcomes.filter((outcome) => outcome.status === 'rejected').length).toBeGreaterThan(5);
  });
});

/** The status is looked up, not read past. */
const OF_STATUS = /records_undelivered \(tenant=\? AND workload=\? AND status=\? AND \(created_at,id\)</;
const OF_USER_AND_STATUS = /records_undelivered_of_user \(tenant=\? AND user_id=\? AND workload=\? AND status=\? AND \(created_at,id\)</;

describe('query plans', () => {
  test('nothing that runs per record reads a whole table or sorts', async () => {
    // Read once when the file is opened.
    const once = /count\(\*\)/;
    const running = bench.prepared.filter((sql) => /^(SELECT|UPDATE|DELETE)/.test(sql) && !once.test(sql) && sql !== OUTBOX_SQL.stale);
    expect(running.length).toBeGreaterThan(15);
    for (const sql of running) expect(`${sql} → ${bench.plan(sql)}`).not.toMatch(/SCAN|TEMP B-TREE/);
  });

  test('the outbox and the backlog read their own partial indexes', () => {
    expect(bench.plan(OUTBOX_SQL.pending)).toMatch(/USING INDEX records_pending/);
    expect(bench.plan(OUTBOX_SQL.stale)).toMatch(/USING INDEX records_published/);
    expect(BACKLOG_SQL.map((sql) => bench.plan(sql))).toEqual([
      expect.stringMatching(/USING COVERING INDEX records_pending/),
      expect.stringMatching(/USING COVERING INDEX records_published/),
    ]);
  });

  test('what has rested long enough is found in the order in which it came to rest', () => {
    const plan = bench.plan(RESTED_SQL);
    expect(plan).toMatch(/USING INDEX records_rested \(updated_at</);
    expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
  });

  test('lists read an index in the order of the list', () => {
    const base = { tenant: 't', workload: 'w', limit: 20 };
    const after = { after: { createdAt: 1, id: 'a' } };
    const plans = [
      [listSql(base).sql, /records_newest/],
      [listSql({ ...base, ...after }).sql, /records_newest/],
      [listSql({ ...base, status: 'delivered' }).sql, /records_newest/],
      [listSql({ ...base, userId: 'u' }).sql, /records_of_user \(tenant=\? AND user_id=\? AND workload=\? AND \(created_at,id\)</],
      [listSql({ ...base, userId: 'u', ...after }).sql, /records_of_user /],
      [listSql({ ...base, userId: 'u', status: 'delivered' }).sql, /records_of_user /],
      ...(['queued', 'processing', 'held', 'dead', 'partial'] as const).flatMap(
        (status) =>
          [
            [listSql({ ...base, status }).sql, OF_STATUS],
            [listSql({ ...base, status, ...after }).sql, OF_STATUS],
            [listSql({ ...base, userId: 'u', status }).sql, OF_USER_AND_STATUS],
            [listSql({ ...base, userId: 'u', status, ...after }).sql, OF_USER_AND_STATUS],
          ] as const,
      ),
      [deliveriesSql({ tenant: 't', status: 'dead', limit: 20 }).sql, /SEARCH d USING PRIMARY KEY \(tenant=\? AND status=\? AND/],
      [deliveriesSql({ tenant: 't', status: 'held', limit: 20, workload: 'w' }).sql, /SEARCH d USING PRIMARY KEY/],
      [deliveriesSql({ tenant: 't', status: 'dead', limit: 20, fingerprint: 'f' }).sql, /desk_of_cause/],
      [deliveriesSql({ tenant: 't', status: 'dead', limit: 20, fingerprint: 'f', channel: 'c', since: 1, until: 2 }).sql, /desk_of_cause/],
      [deliveriesSql({ tenant: 't', status: 'dead', limit: 20, code: 'c' }).sql, /desk_of_code/],
      [deliveriesSql({ tenant: 't', status: 'dead', limit: 20, userId: 'u', ...{ after: { settledAt: 1, id: 'a' } } }).sql, /desk_of_user/],
      [DELIVERY_SQL, /deliveries_by_id/],
      [INBOX_SQL.list, /SEARCH inbox USING PRIMARY KEY \(tenant=\? AND user_id=\? AND seq/],
      [INBOX_SQL.after, /SEARCH inbox USING PRIMARY KEY \(tenant=\? AND user_id=\? AND seq/],
      [INBOX_SQL.unreadList, /inbox_unread/],
      [INBOX_SQL.unread, /inbox_unread/],
      [MESSAGES_SQL.byId, /SEARCH messages USING INDEX .*\(id=\?\)/],
      [MESSAGES_SQL.byKey, /SEARCH messages USING INDEX .*\(idempotency_key=\?\)/],
      [MESSAGES_SQL.oldestFirst, /SEARCH messages USING INDEX .*\(tenant=\? AND conversation_id=\? AND ord>\?\)/],
      [MESSAGES_SQL.newestFirst, /SEARCH messages USING INDEX .*\(tenant=\? AND conversation_id=\? AND ord<\?\)/],
      [MESSAGES_SQL.newest, /SEARCH messages USING COVERING INDEX .*\(tenant=\? AND conversation_id=\?\)/],
    ] as const;
    for (const [sql, index] of plans) {
      expect(bench.plan(sql)).toMatch(index);
      expect(bench.plan(sql)).not.toMatch(/SCAN|TEMP B-TREE/);
    }
  });
});
