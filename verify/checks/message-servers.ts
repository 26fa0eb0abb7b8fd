import { type Check, hold, same } from '../check.js';
import { compose } from '../containers.js';
import { BEAT_MS, history, message, PARTITIONS, post, STREAM, type Stored, stored, type View } from '../message.js';
import { askRedis, streamOf } from '../message-redis.js';
import { fresh } from '../notify.js';
import { allMetrics, metricsIn, metricsText } from '../reading.js';
import type { World } from '../world.js';
import { audited } from './copies.js';

/** A repeat is remembered for so long in servers of a check's own, so that a check can outlive it. */
const BRIEF = { IDEMPOTENCY_TTL_MS: '1000' };
const FORGOTTEN_MS = 1_200;
/** What a process of the same fleet must share with it. */
const SHARED = ['MONGODB_URI', 'RABBITMQ_URL', 'REDIS_URL', 'REDIS_KEY_PREFIX', 'JWT_SECRET'];

/** Where a check has its messages: a server of its own, embedded, or the fleet that is measured. */
interface Stage {
  /** Empty: the front of the fleet. */
  readonly url: string;
  /** What remembers the key of this message is gone: the store alone keeps it from being stored twice. */
  forget(conversation: unknown, messageId: string): Promise<void>;
  /** By how much a counter has risen since; null: there is none. Of a fleet, all its processes. */
  rise(name: string, having?: string): Promise<number | null>;
}

async function stage(world: World): Promise<Stage> {
  if (world.site.target !== 'embedded') {
    const before = await allMetrics(world);
    return {
      url: '',
      async forget(conversation, messageId) {
        const key = `dedupe:{${await streamOf(world, conversation)}}:${messageId}`;
        hold(/1/.test(await askRedis(world, ['DEL', key])), `${key} to be there`, 'nothing');
      },
      rise: async (name, having) => riseOf((await allMetrics(world))(name, having), before(name, having)),
    };
  }
  const { url } = await world.server(BRIEF);
  const before = metricsIn(await metricsText(world, url));
  return {
    url,
    forget: () => world.pause(FORGOTTEN_MS),
    rise: async (name, having) => riseOf(metricsIn(await metricsText(world, url))(name, having), before(name, having)),
  };
}

function riseOf(now: number | null, before: number | null): number | null {
  return now === null ? null : now - (before ?? 0);
}

async function cacheLost(world: World): Promise<string> {
  const { url, forget, rise } = await stage(world);
  const body = message();
  const first = await post(world, body, url);
  await stored(world, body['conversationId'], 1, url);
  await forget(body['conversationId'], first.messageId);
  same((await post(world, body, url)).messageId, first.messageId, 'the id after the cache has forgotten it');
  const handled = async (): Promise<boolean> => ((await rise('stream_consumer_processed_total', 'status="duplicate"')) ?? 0) >= 1;
  await world.until('the repeat to be handled', handled);
  same((await history(world, body['conversationId'], url)).length, 1, 'rows');
  return 'after the cache had forgotten the key: the same id, and no second row';
}

async function states(world: World): Promise<string> {
  const { url } = await stage(world);
  await world.expect(200, `${url}${STREAM}/pause`, { method: 'POST' });
  world.atEnd(() => world.call(`${url}${STREAM}/resume`, { method: 'POST' }));
  await world.pause(BEAT_MS);
  const body = message();
  const { messageId } = await post(world, body, url);
  const state = async (): Promise<unknown> => (await world.call<Stored>(`${url}/api/v1/messages/${messageId}`)).body.state;
  same(await state(), 'pending', 'the state while the log is paused');
  await world.expect(200, `${url}${STREAM}/resume`, { method: 'POST' });
  await world.until('the state persisted', async () => (await state()) === 'persisted');
  return 'pending while it waits, persisted once it is stored';
}

/** A fleet has its number back in the end. */
async function repartition(world: World): Promise<string> {
  const { url } = await stage(world);
  const { body: view } = await world.expect<View>(200, `${url}${STREAM}`);
  hold(view.partitions >= PARTITIONS, `at least ${PARTITIONS} partitions`, view.partitions);
  world.atEnd(() => moved(world, url, view.partitions));
  const conversationId = fresh('room');
  for (let n = 0; n < 5; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  const moving = moved(world, url, 2 * view.partitions);
  for (let n = 5; n < 10; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  const all = await stored(world, conversationId, 10, url);
  same(
    all.map(({ content }) => content),
    Array.from({ length: 10 }, (_, n) => String(n)),
    'the conversation',
  );
  await moving;
  return `${view.partitions} became ${2 * view.partitions} while a conversation went on, and its order held`;
}

async function moved(world: World, url: string, partitions: number): Promise<void> {
  const { status } = await world.call(`${url}${STREAM}/partitions`, { method: 'POST', body: { partitions } });
  hold(status < 300, `a change to ${partitions} partitions to begin`, status);
  await world.until(`${partitions} partitions, and nothing moving`, async () => {
    const { body } = await world.expect<View>(200, `${url}${STREAM}`);
    return body.moving === null && body.partitions === partitions;
  });
}

async function deadLetters(world: World): Promise<string> {
  const { url, forget, rise } = await stage(world);
  const body = message();
  const { messageId } = await post(world, body, url);
  await stored(world, body['conversationId'], 1, url);
  await forget(body['conversationId'], messageId);
  await post(world, { ...body, content: 'Something else' }, url);
  const dead = `${url}/api/v1/dead-letters/${messageId}`;
  const found = await world.until('a dead letter', async () => {
    const answer = await world.call<{ deliveryId: string; workload: string }>(dead);
    return answer.status === 200 ? answer.body : null;
  });
  world.atEnd(() => world.call(`${dead}?reason=verify`, { method: 'DELETE' }));
  same([found.deliveryId, found.workload], [messageId, 'messages'], 'the dead letter');
  hold(
    ((await rise('stream_dead_letter_total')) ?? 0) >= 1,
    'stream_dead_letter_total to have risen',
    await rise('stream_dead_letter_total'),
  );
  await post(world, { ...body, clientMessageId: fresh('message'), content: 'Next' }, url);
  await stored(world, body['conversationId'], 2, url);
  return 'another content under a key that only the store knows: a dead letter, and its conversation goes on';
}

/** Settings that make a server of a check's own one more API of the fleet; none where one process is measured. */
export function memberOf({ site: { environment, target } }: World): Readonly<Record<string, string>> {
  if (target === 'embedded') return {};
  const shared = SHARED.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]));
  return { ROLE: 'api', WORKER_ID: fresh('verify'), SINK: 'off', ...Object.fromEntries(shared) };
}

async function direct(world: World): Promise<string> {
  const { url } = await world.server({ ...memberOf(world), INGRESS_MODE: 'direct' });
  const body = message();
  same((await post(world, body, url)).state, 'persisted', 'the state in the answer');
  same((await history(world, body['conversationId'], url)).length, 1, 'rows at once');
  same((await post(world, body, url, 200)).idempotentHit, true, 'the repeat');
  same(metricsIn(await metricsText(world, url))('stream_enqueue_total'), 0, 'stream_enqueue_total');
  return 'stored before it was acknowledged; the repeat is 200; nothing went into the log';
}

async function metrics(world: World): Promise<string> {
  const { url, rise } = await stage(world);
  const body = message();
  await post(world, body, url);
  await post(world, body, url, 200);
  await stored(world, body['conversationId'], 1, url);
  const wanted = [
    ['stream_enqueue_total', ''],
    ['stream_consumer_processed_total', 'status="success"'],
    ['idempotency_hit_total', 'operation="ingress"'],
    ['stream_processing_duration_seconds_count', ''],
  ] as const;
  for (const [name, having] of wanted) {
    // A consumer counts after it has stored; on a fleet others may be at it as well.
    await world.until(`${name} to have risen by one`, async () => {
      const by = (await rise(name, having)) ?? 0;
      return url === '' ? by >= 1 : by === 1;
    });
  }
  const lag = (await (url === '' ? allMetrics(world) : metricsIn(await metricsText(world, url))))('stream_partition_lag', 'partition="0"');
  same(lag, 0, 'stream_partition_lag{partition="0"}');
  hold((await rise('stream_dead_letter_total')) !== null, 'stream_dead_letter_total', 'no such metric');
  return `${wanted.map(([name]) => name).join(', ')} rose by one message and its repeat; lag 0`;
}

/** While consumers are paused: what waits is what the gauge says, and on Redis what XINFO says. */
async function lag(world: World): Promise<string> {
  const { url } = await stage(world);
  const origin = url === '' ? (world.site.apis[0] ?? '') : url;
  await world.expect(200, `${url}${STREAM}/pause`, { method: 'POST' });
  world.atEnd(() => world.call(`${url}${STREAM}/resume`, { method: 'POST' }));
  await world.pause(BEAT_MS);
  const conversationId = fresh('room');
  const { body } = await world.expect<{ partition: number }>(200, `${url}${STREAM}/partition?key=${conversationId}`);
  const gauge = async (): Promise<number | null> =>
    metricsIn(await metricsText(world, origin))('stream_partition_lag', `partition="${body.partition}"`);
  const before = (await gauge()) ?? Number.NaN;
  for (let n = 0; n < WAITING; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  const told = await gauge();
  hold(told !== null && told >= before + WAITING, `stream_partition_lag to be at least ${before + WAITING}`, told);
  if (world.site.target !== 'embedded') {
    const known = await lagOf(world, await streamOf(world, conversationId));
    same(told, known, 'stream_partition_lag and the lag of XINFO GROUPS');
  }
  await world.expect(200, `${url}${STREAM}/resume`, { method: 'POST' });
  await stored(world, conversationId, WAITING, url);
  await world.until('a lag of 0', async () => (await gauge()) === 0);
  return `paused: ${told} wait in partition ${body.partition}, as ${world.site.target === 'embedded' ? 'were posted' : 'XINFO GROUPS has it'}; then 0`;
}

/** As Redis tells it, or, after removals, when it cannot tell, as many entries as are behind the one that was handed out last. */
async function lagOf(world: World, stream: string): Promise<number> {
  const info = await askRedis(world, ['XINFO', 'GROUPS', stream]);
  const told = /\blag\b\W+(\d+)/.exec(info)?.[1];
  if (told !== undefined) return Number(told);
  const last = /last-delivered-id\W+(\d+-\d+)/.exec(info)?.[1] ?? '0-0';
  const behind = await askRedis(world, ['EVAL', "return #redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')", '1', stream, last]);
  return Number(/\d+/.exec(behind)?.[0] ?? Number.NaN);
}

const WAITING = 7;

/** Disabled and enabled again, stored directly, the guard against a second row, and the audit that looks for one. */
async function operated(world: World): Promise<string> {
  const seen = [await states(world), await direct(world), await cacheLost(world), await audited(world)];
  return seen.join('; ');
}

/** The streams, their group and the dead letters' are there, and a message is found where partition-of says. */
async function inRedis(world: World): Promise<string> {
  const body = message();
  const { messageId } = await post(world, body);
  await stored(world, body['conversationId'], 1);
  const stream = await streamOf(world, body['conversationId']);
  const entries = await askRedis(world, ['XREVRANGE', stream, '+', '-', 'COUNT', '100']);
  hold(entries.includes(messageId), `the message in ${stream}`, entries);
  const group = await askRedis(world, ['XINFO', 'GROUPS', stream]);
  hold(group.includes('persistence-workers'), 'the group persistence-workers', group);
  const letters = stream.replace(/stream:\d+$/, 'dlq');
  const desk = await askRedis(world, ['XINFO', 'GROUPS', letters]);
  hold(desk.includes('dlq-processors'), `the group dlq-processors of ${letters}`, desk);
  const streams = Array.from({ length: PARTITIONS }, (_, partition) => stream.replace(/\d+$/, String(partition)));
  const groups = await askRedis(world, ['EVAL', GROUPS, String(PARTITIONS), ...streams]);
  same(groups.match(/persistence-workers/g)?.length, PARTITIONS, 'partitions with the group persistence-workers');
  return `${messageId} in ${stream} of database 1, group persistence-workers in all ${PARTITIONS}; dlq-processors in ${letters}`;
}

/** Groups that are made again: by hand as the checklist does, and by one more process that starts. */
async function madeAgain(world: World): Promise<string> {
  const seen = await inRedis(world);
  const stream = await streamOf(world, fresh('room'));
  const groups = async (): Promise<string> => (await askRedis(world, ['XINFO', 'GROUPS', stream])).replaceAll(/\s+/g, ' ');
  const names = (text: string): number => text.match(/persistence-workers/g)?.length ?? 0;
  const before = await groups();
  const byHand = await askRedis(world, ['XGROUP', 'CREATE', stream, 'persistence-workers', '0', 'MKSTREAM']).catch((error) =>
    String(error),
  );
  hold(/BUSYGROUP/.test(byHand), 'XGROUP CREATE by hand to be told BUSYGROUP', byHand);
  await another(world);
  const after = await groups();
  same([names(before), names(after)], [1, 1], `groups of that name in ${stream}`);
  const body = message();
  await post(world, body);
  await stored(world, body['conversationId'], 1);
  return `${seen}; made again by hand: BUSYGROUP; by another process: one group as before, and messages are stored`;
}

/** One more process of the fleet, which makes what it finds missing. */
async function another(world: World): Promise<void> {
  if (world.site.compose === null) {
    await world.server(memberOf(world));
    return;
  }
  await compose(world, ['restart', 'worker-1'], 90_000);
  const ready = async (): Promise<boolean> => (await world.call('http://127.0.0.1:9091/readyz').catch(() => null))?.status === 200;
  await world.until('worker-1 to be ready again', ready, 90_000);
}

/** The groups of all streams in one question: into a container each takes a second or two. */
const GROUPS = "local said = {} for n, key in ipairs(KEYS) do said[n] = redis.call('XINFO', 'GROUPS', key) end return said";

const NEEDS_FLEET = 'needs the addresses of the fleet’s servers: measured with --target embedded and cluster';
const NO_REDIS = 'embedded there is no Redis: measured with --target cluster or compose';

/** Messages where a cache is lost, partitions change or consumers are paused: embedded on servers of the checks' own. */
export const ON_MESSAGE_SERVERS: readonly Check[] = [
  { id: 'DAT-04', run: cacheLost },
  { id: 'DAT-07', disturbs: true, run: states },
  { id: 'DRL-10', on: ['embedded', 'cluster'], elsewhere: NEEDS_FLEET, disturbs: true, run: operated },
  { id: 'MSG-01', disturbs: true, run: states },
  { id: 'MSG-06', run: deadLetters },
  { id: 'MSG-09', on: ['embedded', 'cluster'], elsewhere: NEEDS_FLEET, run: direct },
  { id: 'MSG-11', run: cacheLost },
  { id: 'MSG-13', disturbs: true, run: repartition },
  { id: 'MET-05', run: metrics },
  { id: 'MET-06', run: metrics },
  { id: 'MET-07', disturbs: true, run: lag },
  { id: 'MET-08', run: deadLetters },
  { id: 'MET-09', run: metrics },
  { id: 'MET-10', run: metrics },
  { id: 'CMD-13', on: ['cluster', 'compose'], elsewhere: NO_REDIS, disturbs: true, withinMs: 240_000, run: madeAgain },
  { id: 'X-20', on: ['cluster', 'compose'], elsewhere: NO_REDIS, run: inRedis },
  { id: 'X-26', on: ['cluster', 'compose'], elsewhere: NO_REDIS, disturbs: true, withinMs: 240_000, run: madeAgain },
];
