import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis as Client } from 'ioredis';
import { SignalboxError } from '../../src/errors.js';
import { partitionOf } from '../../src/ports/partition.js';
import type { StreamDraft } from '../../src/ports/stream.js';
import { eventually } from '../support/app.js';
import { type OwnServer, startOwn } from '../support/servers/own.js';
import { Fleet, firstHandled } from './redis-streams-stage.js';

let server: OwnServer;
let admin: Client;
let fleet: Fleet;

beforeAll(async () => {
  server = await startOwn('redis');
  admin = new Client(server.uri);
  admin.on('error', () => undefined);
});
beforeEach(() => {
  fleet = new Fleet(server.uri, { answerMs: 2000 });
});
afterEach(async () => {
  await fleet.end();
  await admin.flushall();
});
afterAll(async () => {
  admin.disconnect();
  await server.dispose();
});

const KEYS = 24;

function draft(n: number): StreamDraft {
  const key = `conversation-${n % KEYS}`;
  return { tenant: 't', key, id: `m${String(n).padStart(5, '0')}`, fingerprint: `f${n}`, body: JSON.stringify({ n }) };
}

function drafts(from: number, to: number): StreamDraft[] {
  return Array.from({ length: to - from }, (_, n) => draft(from + n));
}

/** Every id once at least, each key in its order. */
function allInOrder(many: number): void {
  const byKey = firstHandled(fleet.handled);
  const ids = [...byKey.values()].flat();
  expect(ids).toHaveLength(many);
  for (const key of byKey.values()) expect(key).toEqual([...key].sort());
}

describe('Owners of a stream on Redis', () => {
  test('share sixteen partitions evenly, and again when one joins, leaves, or dies', async () => {
    const first = await fleet.join('w1');
    await fleet.until(() => first.owns.size === 16);
    await fleet.join('w2');
    const third = await fleet.join('w3');
    await fleet.until(() => fleet.balanced());
    await third.stop();
    await fleet.until(() => fleet.balanced());
    await first.die();
    await fleet.until(() => fleet.balanced());
    const [left] = fleet.members;
    expect(left?.owns.size).toBe(16);
    const started = left?.facts.filter((fact) => fact.kind === 'partition' && fact.state === 'started');
    expect(new Set(started?.map((fact) => (fact.kind === 'partition' ? fact.partition : null))).size).toBe(16);
  });

  test('handle everything once and in order while they join, leave and die under load', async () => {
    const first = await fleet.join('w1');
    await fleet.until(() => first.owns.size === 16);
    for (let round = 0; round < 6; round += 1) {
      const sending = first.streams.log.append(drafts(round * 200, round * 200 + 200));
      if (round % 3 === 0) await fleet.join(`joined-${round}`);
      if (round % 3 === 1) await fleet.members.at(-1)?.die();
      if (round % 3 === 2) await (await fleet.join(`passing-${round}`)).stop();
      await sending;
    }
    await fleet.until(() => new Set(fleet.handled.map(({ id }) => id)).size === 1200);
    allInOrder(1200);
    await fleet.until(() => fleet.balanced());
    const depth = await first.streams.log.depth();
    expect(depth.every(({ lag, parked }) => lag === 0 && parked === 0)).toBe(true);
  });

  test('go on where they were when the server is killed and comes back; nothing that was accepted is lost', async () => {
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    await member.streams.log.append(drafts(0, 200));
    await server.kill();
    await expect(member.streams.log.append([draft(200)])).rejects.toMatchObject({ code: 'store-unavailable' });
    await server.start();
    await fleet.until(() => new Set(fleet.handled.map(({ id }) => id)).size === 200);
    await fleet.until(() => fleet.balanced());
    const results = await member.streams.log.append(drafts(0, 210));
    expect(results.filter(({ outcome }) => outcome === 'created').length).toBeLessThanOrEqual(10);
    await fleet.until(() => new Set(fleet.handled.map(({ id }) => id)).size === 210);
    allInOrder(210);
  });

  test('settle nothing of a partition that has passed on while they handled it, and say that it was refused', async () => {
    const partition = partitionOf('conversation-0', 16);
    let passed = (): void => undefined;
    const passing = new Promise<void>((resolve) => {
      passed = resolve;
    });
    fleet.handle = async (entries) => {
      // As when we had been frozen for longer than our lease.
      await admin.hset(`lease:{msg:stream:${partition}}`, 'owner', 'another', 'until', String(Date.now() + 1_000));
      await admin.hincrby(`lease:{msg:stream:${partition}}`, 'fence', 1);
      passed();
      fleet.handle = async (again) => again.map(() => ({ kind: 'done' }));
      return entries.map(() => ({ kind: 'done' }));
    };
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    await member.streams.log.append([draft(0)]);
    await passing;
    await fleet.until(() => member.facts.some((fact) => fact.kind === 'stream-fenced' && fact.during === 'settle'));
    expect((await member.streams.log.depth())[partition]).toMatchObject({ pending: 1, lag: 0 });
    await fleet.until(() => fleet.handled.length === 2);
    expect(fleet.handled[1]).toMatchObject({ id: 'm00000', deliveries: 2 });
  });

  test('wait for a handler whose store is away, as long as it takes, and no attempt is counted', async () => {
    let away = true;
    let tries = 0;
    fleet.handle = async (entries) => {
      tries += 1;
      if (away) throw new SignalboxError('store-unavailable', 'away');
      return entries.map(() => ({ kind: 'done' }));
    };
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    await member.streams.log.append(drafts(0, 50));
    await fleet.until(() => tries > 40);
    away = false;
    await fleet.until(() => fleet.handled.length >= 50);
    allInOrder(50);
    expect(fleet.handled.every(({ attempts }) => attempts === 0)).toBe(true);
    expect(await member.streams.desk.dead({ tenant: 't', limit: 10 })).toEqual([]);
  });

  test('bury what cannot be handled after its retries; its key goes on, and nobody else waits', async () => {
    fleet.handle = async (entries) =>
      entries.map(({ id }) => (id === 'm00003' ? { kind: 'retry', failure: { code: 'refused', message: 'No.' } } : { kind: 'done' }));
    const member = await fleet.join('w1');
    await member.streams.control.prepare(16);
    await member.streams.log.append(drafts(0, 100));
    await fleet.until(() => new Set(fleet.handled.map(({ id }) => id)).size === 99);
    await fleet.until(() => member.facts.some(({ kind }) => kind === 'stream-buried'));
    const dead = await member.streams.desk.dead({ tenant: 't', limit: 10 });
    expect(dead).toMatchObject([{ id: 'm00003', key: 'conversation-3', attempts: 3, failure: { code: 'refused' } }]);
    allInOrder(99);
    fleet.handle = async (entries) => entries.map(() => ({ kind: 'done' }));
    expect(await member.streams.desk.redrive('t', 'm00003')).toBe(true);
    await fleet.until(() => fleet.handled.some(({ id }) => id === 'm00003'));
  });

  test('read nothing while there is a pause, and go on when it ends', async () => {
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    await member.streams.control.pause(true);
    await member.heard();
    await member.streams.log.append(drafts(0, 20));
    await member.heard();
    const depth = await member.streams.log.depth();
    expect(depth.reduce((sum, { lag }) => sum + lag, 0)).toBe(20);
    expect(fleet.handled).toEqual([]);
    await member.streams.control.pause(false);
    await fleet.until(() => fleet.handled.length === 20);
    allInOrder(20);
  });

  test('go on when the server comes back with nothing, behind all that was before', async () => {
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    const [before] = await member.streams.log.append(drafts(0, 1));
    await fleet.until(() => fleet.handled.length === 1);
    await admin.flushall();
    const after = await eventually(async () => (await member.streams.log.append(drafts(1, 2)).catch(() => []))[0]?.order ?? null);
    await fleet.until(() => fleet.handled.some(({ id }) => id === 'm00001'));
    expect([after, before?.order].sort()).toEqual([before?.order, after]);
  });

  test('keep the order of every key while the number of partitions grows under load', async () => {
    const first = await fleet.join('w1');
    await fleet.join('w2');
    await fleet.until(() => fleet.balanced());
    await first.streams.log.append(drafts(0, 300));
    const { epoch } = await first.streams.control.layout();
    const changed = first.streams.control.repartition(32);
    await first.streams.log.append(drafts(300, 600));
    await changed;
    await first.streams.log.append(drafts(600, 900));
    await fleet.until(() => new Set(fleet.handled.map(({ id }) => id)).size === 900);
    allInOrder(900);
    await fleet.until(() => fleet.balanced(32));
    expect(await first.streams.control.layout()).toEqual({ epoch: epoch + 1, partitions: 32, moving: null });
    expect(fleet.handled.some(({ partition }) => partition >= 16)).toBe(true);
  });
});

describe('A stream on Redis, seen from outside', () => {
  test('has the names of the checklist, and the lag that the server itself tells', async () => {
    const member = await fleet.join('w1', { partitions: 16 });
    await fleet.until(() => member.owns.size === 16);
    await member.streams.control.pause(true);
    await member.heard();
    const partition = partitionOf('test_conv_001', 16);
    await member.streams.log.append([{ tenant: 'default', key: 'test_conv_001', id: 'm1', fingerprint: 'f', body: '{}' }]);
    expect(await admin.xlen(`msg:stream:${partition}`)).toBe(1);
    const [group] = (await admin.xinfo('GROUPS', `msg:stream:${partition}`)) as [unknown[]];
    const told = new Map<unknown, unknown>(group.flatMap((_, n) => (n % 2 === 0 ? [[group[n], group[n + 1]]] : [])));
    expect(told.get('name')).toBe('persistence-workers');
    expect((await member.streams.log.depth())[partition]).toMatchObject({ lag: told.get('lag'), pending: told.get('pending') });
    const [dead] = (await admin.xinfo('GROUPS', 'msg:dlq')) as [unknown[]];
    expect(dead[1]).toBe('dlq-processors');
    const keys = await admin.keys('*');
    expect(keys).toContain(`dedupe:{msg:stream:${partition}}:m1`);
    for (const key of keys) expect(key).toMatch(/^(msg:stream:\d+|msg:dlq|[a-z]+:\{msg:(stream(:\d+)?|dlq)\}(:.+)?)$/);
  });

  test('makes its groups again when somebody has removed them, and hands out what waits', async () => {
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    const partition = partitionOf('conversation-0', 16);
    await admin.xgroup('DESTROY', `msg:stream:${partition}`, 'persistence-workers');
    await member.streams.log.append([draft(0)]);
    await fleet.until(() => fleet.handled.length > 0);
    expect(fleet.handled[0]?.id).toBe('m00000');
  });

  test('is made again after everything was flushed, and takes what comes', async () => {
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    await admin.flushall();
    await member.streams.control.prepare(16);
    await member.streams.log.append(drafts(0, 30));
    await fleet.until(() => fleet.handled.length >= 30);
    allInOrder(30);
  });

  test('takes a repeat for new when what it remembered was lost: the store’s own key is the guard then', async () => {
    const member = await fleet.join('w1');
    await fleet.until(() => member.owns.size === 16);
    const [before] = await member.streams.log.append([draft(0)]);
    for (const key of await admin.keys('dedupe:*')) await admin.del(key);
    const [after] = await member.streams.log.append([draft(0)]);
    expect(after).toMatchObject({ outcome: 'created', partition: before?.partition });
    await fleet.until(() => fleet.handled.length === 2);
    expect(fleet.handled.map(({ id }) => id)).toEqual(['m00000', 'm00000']);
  });

  test('tells how durable its server is', async () => {
    const member = await fleet.join('w1');
    expect(await member.streams.durability()).toMatchObject({
      maxMemoryPolicy: 'noeviction',
      appendOnly: 'yes',
      appendFsync: 'always',
      weaknesses: [],
    });
    await admin.config('SET', 'appendfsync', 'everysec');
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const { weaknesses } = await member.streams.durability();
    await admin.config('SET', 'appendfsync', 'always');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    expect(weaknesses).toEqual([
      expect.stringContaining('maxmemory-policy allkeys-lru'),
      expect.stringContaining('set appendfsync always'),
    ]);
  });
});
