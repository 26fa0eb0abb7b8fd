import { afterEach, describe, expect, test } from '@jest/globals';
import { PEOPLE_SQL } from '../../src/adapters/embedded/people.js';
import { loadSqlite } from '../../src/adapters/embedded/sqlite.js';
import { peopleContract } from '../contracts/people-contract.js';
import { makeEmbedded, temporaryDirectory } from './embedded-harness.js';

peopleContract({ stillClock: true, durable: true }, makeEmbedded);

const disposals: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose();
});

describe('What the embedded store remembers of people', () => {
  test('is not what a write meant to do that was rolled back with another', async () => {
    const harness = await makeEmbedded();
    disposals.push(() => harness.dispose());
    const ana = { tenant: 't', userId: 'ana' };
    const none = { contacts: {}, channels: {}, categories: {}, quietHours: null };
    await harness.people.put(ana, none, null);
    // The second is no JSON and cannot be stored; it shares the transaction with the first, which is run again without it.
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const results = await Promise.allSettled([
      harness.people.put(ana, { ...none, channels: { email: false } }, null),
      harness.people.put(ana, { ...none, channels: cycle as never }, null),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const remembered = await harness.people.get(ana);
    await harness.restart('closed');
    expect(await harness.people.get(ana)).toEqual(remembered);
    expect(remembered).toMatchObject({ version: 2, channels: { email: false } });
  });

  test('is bounded, and right for everyone all the same', async () => {
    const harness = await makeEmbedded();
    disposals.push(() => harness.dispose());
    const none = { contacts: {}, channels: {}, categories: {}, quietHours: null };
    const names = Array.from({ length: 20_000 }, (_, index) => `user_${index}`);
    await harness.people.put({ tenant: 't', userId: 'user_1' }, none, null);
    expect((await harness.people.getMany('t', names)).size).toBe(1);
    await harness.people.put({ tenant: 't', userId: 'user_2' }, none, null);
    expect([...(await harness.people.getMany('t', names)).keys()]).toEqual(['user_1', 'user_2']);
  });
});

test('Those who are still to be applied are found in an index that holds nobody else', async () => {
  const { DatabaseSync } = await loadSqlite();
  const { migrate } = await import('../../src/adapters/embedded/schema.js');
  const directory = temporaryDirectory();
  disposals.push(() => directory.dispose());
  const database = new DatabaseSync(`${directory.path}/plan.db`);
  migrate(database, 0);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${PEOPLE_SQL.changed}`).all(10) as { detail: string }[];
  database.close();
  expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining('USING INDEX people_changed')]);
});
