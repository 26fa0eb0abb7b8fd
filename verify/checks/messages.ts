import { parse } from 'yaml';
import { artillery } from '../../load-test/messages/options.js';
import { type Check, hold, same } from '../check.js';
import { fresh } from '../notify.js';
import type { JsonBody, World } from '../world.js';
import { fileIn, queriesOf } from './files.js';
import { judged, refused } from './settings.js';

const PARTITIONS = 16;
const STREAM = '/api/v1/streams/messages';
/** A repeat is remembered for so long in servers of a check's own, so that a check can outlive it. */
const BRIEF = { IDEMPOTENCY_TTL_MS: '1000' };
const FORGOTTEN_MS = 1_200;
/** The longest that pausing takes to be known everywhere. */
const BEAT_MS = 1_500;
const LOAD_WITHIN_MS = 180_000;

interface Accepted {
  readonly messageId: string;
  readonly state: string;
  readonly acceptedAt: string;
  readonly idempotentHit: boolean;
}

interface Stored {
  readonly messageId: string;
  readonly content: string;
  readonly state: string;
}

interface View {
  readonly paused: boolean;
  readonly partitions: number;
  readonly moving: unknown;
  readonly depth: readonly { readonly partition: number; readonly lag: number; readonly owner: string | null }[];
}

function message(change: JsonBody = {}): JsonBody {
  const whose = { conversationId: fresh('room'), senderId: 'user_001', recipientIds: ['user_002'] };
  return { ...whose, content: 'Hello, Phase 3!', contentType: 'text', clientMessageId: fresh('message'), ...change };
}

async function post(world: World, body: JsonBody, origin = '', status = 202): Promise<Accepted> {
  return (await world.expect<Accepted>(status, `${origin}/api/messages`, { method: 'POST', body })).body;
}

async function history(world: World, conversation: unknown, origin = ''): Promise<readonly Stored[]> {
  const path = `${origin}/api/v1/conversations/${String(conversation)}/messages?limit=100`;
  return (await world.expect<{ data: readonly Stored[] }>(200, path)).body.data;
}

/** The conversation once it has so many. */
function stored(world: World, conversation: unknown, many: number, origin = ''): Promise<readonly Stored[]> {
  return world.until(`${many} stored`, async () => {
    const all = await history(world, conversation, origin);
    return all.length >= many ? all : null;
  });
}

/** Accepted, repeated, refused with another content: each on a process of its own choice where there are several. */
async function ingress(world: World): Promise<string> {
  const body = message();
  const first = await post(world, body);
  same(Object.keys(first).sort(), ['acceptedAt', 'idempotentHit', 'messageId', 'state'], 'the fields of the answer');
  same([first.state, first.idempotentHit], ['pending', false], 'state and hit of the first answer');
  const again = await world.expect<Accepted>(200, '/api/v1/messages', { method: 'POST', body });
  same(again.body, { ...first, idempotentHit: true }, 'the answer to the repeat');
  same(again.headers.get('idempotency-replayed'), 'true', 'Idempotency-Replayed');
  await post(world, { ...body, content: 'Something else' }, '', 422);
  await stored(world, body['conversationId'], 1);
  return `202 ${first.messageId} pending, then 200 with the same id and idempotentHit; other content: 422`;
}

async function atOnce(world: World): Promise<string> {
  const body = message();
  const answers = await Promise.all(Array.from({ length: 10 }, () => world.call<Accepted>('/api/v1/messages', { method: 'POST', body })));
  same(answers.filter(({ status }) => status === 202).length, 1, 'answers 202 of ten at once');
  same(new Set(answers.map((answer) => answer.body.messageId)).size, 1, 'ids of ten at once');
  await stored(world, body['conversationId'], 1);
  same((await history(world, body['conversationId'])).length, 1, 'rows');
  return 'ten at once: one 202, nine 200, one id, one row';
}

/** What remembers the key is gone after a second here: the store alone keeps it from being stored twice. */
async function cacheLost(world: World): Promise<string> {
  const { url } = await world.server(BRIEF);
  const body = message();
  const first = await post(world, body, url);
  await stored(world, body['conversationId'], 1, url);
  await world.pause(FORGOTTEN_MS);
  same((await post(world, body, url)).messageId, first.messageId, 'the id after the cache has forgotten it');
  await world.until('the repeat to be handled', async () => (await counter(world, url, 'stream_consumer_processed_total{status="duplicate"}')) === 1);
  same((await history(world, body['conversationId'], url)).length, 1, 'rows');
  return 'after the cache had forgotten the key: the same id, and no second row';
}

async function endToEnd(world: World): Promise<string> {
  const body = message();
  const sentAt = performance.now();
  await post(world, body);
  await stored(world, body['conversationId'], 1);
  const took = performance.now() - sentAt;
  hold(took < 1_000, 'stored within a second', `${took.toFixed(0)} ms`);
  return `stored ${took.toFixed(0)} ms after it was sent`;
}

async function inOrder(world: World): Promise<string> {
  const conversationId = fresh('room');
  const many = 30;
  for (let n = 0; n < many; n += 1) await post(world, message({ conversationId, content: String(n) }));
  const all = await stored(world, conversationId, many);
  same(all.map(({ content }) => content), Array.from({ length: many }, (_, n) => String(n)), 'the conversation');
  return `${many} messages of one conversation in the order in which they were sent`;
}

async function receipts(world: World): Promise<string> {
  const body = message();
  const { messageId } = await post(world, body);
  await stored(world, body['conversationId'], 1);
  const give = (state: string, status: number) =>
    world.expect(status, `/api/v1/messages/${messageId}/receipts`, { method: 'POST', body: { userId: 'user_002', state } });
  await give('delivered', 201);
  await give('delivered', 200);
  await give('read', 201);
  const { body: told } = await world.expect<{ receipts: readonly { state: string }[] }>(200, `/api/v1/messages/${messageId}`);
  same(told.receipts.map(({ state }) => state), ['delivered', 'read'], 'the receipts');
  return 'delivered once however often it is given, then read: two rows';
}

async function large(world: World): Promise<string> {
  const content = 'x'.repeat(100_000);
  const body = message({ content });
  await post(world, body);
  const [one] = await stored(world, body['conversationId'], 1);
  same(one?.content.length, content.length, 'the length of the stored content');
  return '100 kB of content went past the log and is stored whole';
}

async function states(world: World): Promise<string> {
  const { url } = await world.server(BRIEF);
  await world.expect(200, `${url}${STREAM}/pause`, { method: 'POST' });
  await world.pause(BEAT_MS);
  const body = message();
  const { messageId } = await post(world, body, url);
  const state = async (): Promise<unknown> => (await world.call<Stored>(`${url}/api/v1/messages/${messageId}`)).body.state;
  same(await state(), 'pending', 'the state while the log is paused');
  await world.expect(200, `${url}${STREAM}/resume`, { method: 'POST' });
  await world.until('the state persisted', async () => (await state()) === 'persisted');
  return 'pending while it waits, persisted once it is stored';
}

async function pauses(world: World): Promise<string> {
  await world.expect(200, `${STREAM}/pause`, { method: 'POST' });
  world.atEnd(() => world.call(`${STREAM}/resume`, { method: 'POST' }));
  await world.pause(BEAT_MS);
  const body = message();
  await post(world, body);
  await world.pause(500);
  same((await history(world, body['conversationId'])).length, 0, 'rows while it is paused');
  await world.expect(200, `${STREAM}/resume`, { method: 'POST' });
  await stored(world, body['conversationId'], 1);
  return 'accepted and not stored while paused; stored when it goes on, without a restart';
}

async function owners(world: World): Promise<string> {
  const view = await world.until('an owner for every partition', async () => {
    const { body } = await world.expect<View>(200, STREAM);
    return body.depth.every(({ owner }) => owner !== null) ? body : null;
  });
  hold(view.partitions >= PARTITIONS, `at least ${PARTITIONS} partitions`, view.partitions);
  const names = new Set(view.depth.map(({ owner }) => owner));
  return `${view.depth.length} partitions, owned by ${names.size} processes`;
}

async function partitionOf(world: World): Promise<string> {
  const env = { SIGNALBOX_URL: world.site.front, ...(world.site.apiKey === null ? {} : { SIGNALBOX_API_KEY: world.site.apiKey }) };
  const ran = await world.succeed(['npm', 'run', '--silent', 'cli', '--', 'partition-of', 'test_conv_001'], { env });
  hold(/^\d+ +msg:stream:\d+/.test(ran.stdout), 'a partition and its stream', ran.stdout);
  return ran.stdout.trim();
}

async function repartition(world: World): Promise<string> {
  const { url } = await world.server();
  const conversationId = fresh('room');
  for (let n = 0; n < 5; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  await world.call(`${url}${STREAM}/partitions`, { method: 'POST', body: { partitions: 2 * PARTITIONS } });
  for (let n = 5; n < 10; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  const all = await stored(world, conversationId, 10, url);
  same(all.map(({ content }) => content), Array.from({ length: 10 }, (_, n) => String(n)), 'the conversation');
  const view = await world.until('the end of the move', async () => {
    const { body } = await world.expect<View>(200, `${url}${STREAM}`);
    return body.moving === null ? body : null;
  });
  same(view.partitions, 2 * PARTITIONS, 'partitions');
  return '16 became 32 while a conversation went on, and its order held';
}

async function deadLetters(world: World): Promise<string> {
  const { url } = await world.server(BRIEF);
  const body = message();
  const { messageId } = await post(world, body, url);
  await stored(world, body['conversationId'], 1, url);
  await world.pause(FORGOTTEN_MS);
  await post(world, { ...body, content: 'Something else' }, url);
  const dead = await world.until('a dead letter', async () => {
    const page = await world.call<{ data: readonly { deliveryId: string }[] }>(`${url}/api/v1/dead-letters?workload=messages`);
    return page.body.data[0];
  });
  same(dead.deliveryId, messageId, 'the dead letter');
  same(await counter(world, url, 'stream_dead_letter_total'), 1, 'stream_dead_letter_total');
  await post(world, { ...body, clientMessageId: fresh('message'), content: 'Next' }, url);
  await stored(world, body['conversationId'], 2, url);
  return 'another content under a key that only the store knows: a dead letter, and its conversation goes on';
}

async function direct(world: World): Promise<string> {
  const { url } = await world.server({ INGRESS_MODE: 'direct' });
  const body = message();
  same((await post(world, body, url)).state, 'persisted', 'the state in the answer');
  same((await history(world, body['conversationId'], url)).length, 1, 'rows at once');
  same((await post(world, body, url, 200)).idempotentHit, true, 'the repeat');
  same(await counter(world, url, 'stream_enqueue_total'), 0, 'stream_enqueue_total');
  return 'stored before it was acknowledged; the repeat is 200; nothing went into the log';
}

async function counter(world: World, url: string, line: string): Promise<number> {
  const { text } = await world.expect(200, `${url}/metrics/prometheus`);
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? Number.NaN);
}

async function metrics(world: World): Promise<string> {
  const { url } = await world.server();
  const body = message();
  await post(world, body, url);
  await post(world, body, url, 200);
  await stored(world, body['conversationId'], 1, url);
  const wanted = {
    stream_enqueue_total: 1,
    'stream_consumer_processed_total{status="success"}': 1,
    stream_dead_letter_total: 0,
    'idempotency_hit_total{operation="ingress"}': 1,
    'stream_partition_lag{partition="0"}': 0,
    stream_processing_duration_seconds_count: 1,
  };
  for (const [line, value] of Object.entries(wanted)) same(await counter(world, url, line), value, line);
  return `${Object.keys(wanted).join(', ')} after one message and its repeat`;
}

async function settings(): Promise<string> {
  const config = judged({}).config;
  const { redisStreamDb, streamPartitions, streamMaxRetries, streamPollIntervalMs, streamBatchSize } = config ?? {};
  same([redisStreamDb, streamPartitions, streamMaxRetries, streamPollIntervalMs, streamBatchSize], [1, PARTITIONS, 3, 5_000, 10], 'defaults');
  same(judged({ STREAM_PARTITIONS: '32', STREAM_BATCH_SIZE: '5' }).said, [], 'remarks about settings that are used');
  refused({ STREAM_PARTITIONS: '0' }, /STREAM_PARTITIONS/);
  refused({ STREAM_BATCH_SIZE: 'many' }, /STREAM_BATCH_SIZE/);
  refused({ REDIS_STREAM_DB: '-1' }, /REDIS_STREAM_DB/);
  return 'database 1, 16 partitions, 3 retries, 5000 ms, 10 entries; 0 partitions and a batch of many refused';
}

async function dashboard(world: World): Promise<string> {
  const board = JSON.parse(fileIn(world, 'monitoring/grafana/phase3-queue-dashboard.json')) as { title: string; panels: Parameters<typeof queriesOf>[0] };
  same(board.title, 'Phase 3: Durable Delivery - Queue Monitoring', 'the title');
  const titles = JSON.stringify(board);
  const wanted = ['Enqueue Rate', 'Dequeue Rate', 'Partition Lag', 'Processing Duration (p95)', 'DLQ Rate', 'Idempotent Hit Rate'];
  same(
    wanted.filter((title) => !titles.includes(`"title":"${title}"`)),
    [],
    'panels that are missing',
  );
  return `${wanted.join(', ')}; ${queriesOf(board.panels).length} queries`;
}

async function rules(world: World): Promise<string> {
  interface Group {
    readonly name: string;
    readonly interval: string;
    readonly rules: readonly { readonly alert?: string; readonly expr: string; readonly for?: string; readonly labels?: { severity: string } }[];
  }
  const { groups } = parse(fileIn(world, 'prometheus/alerts/phase3-queue.yml')) as { groups: readonly Group[] };
  const group = groups.find(({ name }) => name === 'phase3_queue');
  same(group?.interval, '60s', 'the interval of phase3_queue');
  const wanted = [
    ['QueuePartitionLagHigh', 'stream_partition_lag > 1000', 'warning'],
    ['QueueDLQRateHigh', 'rate(stream_dead_letter_total[5m]) > 10', 'critical'],
    ['ConsumerProcessingErrors', 'rate(stream_consumer_processed_total{status="error"}[5m]) > 1', 'warning'],
  ] as const;
  for (const [alert, expr, severity] of wanted) {
    const rule = group?.rules.find((each) => each.alert === alert);
    same([rule?.expr, rule?.for, rule?.labels?.severity], [expr, '5m', severity], alert);
  }
  return `${wanted.map(([alert]) => alert).join(', ')}, as the checklist has them; when they fire: npm test -- tests/monitoring`;
}

async function loadFile(world: World): Promise<string> {
  fileIn(world, 'load-test.yml');
  const { phases, path } = artillery(`${world.root}/load-test.yml`);
  same(phases, [{ durationS: 60, rate: 100 }, { durationS: 300, rate: 500 }], 'the phases');
  same(path, '/api/messages', 'where it posts');
  return '60 s at 100/s, then 300 s at 500/s, on /api/messages';
}

interface Loaded {
  readonly offered: number;
  readonly accepted: number;
  readonly repeats: number;
  readonly lag: number;
  readonly deadLetters: number;
  readonly stored: { readonly p95: number };
  readonly audit: Readonly<Record<string, number>>;
}

/** The project's own load of messages, short; its figures are judged here. */
function load(world: World): Promise<Loaded> {
  return world.once('load of messages', async () => {
    const { target, apis, front, apiKey } = world.site;
    const flags = ['--workload=messages', '--rate=50', '--duration=10', '--conversations=100', '--duplicates=2.5%', '--json'];
    const env = apiKey === null ? {} : { SIGNALBOX_API_KEY: apiKey };
    const argv = ['npm', 'run', '--silent', 'load-test', '--', ...flags, `--url=${target === 'compose' ? front : apis.join(',')}`];
    const ran = await world.run(argv, { withinMs: LOAD_WITHIN_MS, env });
    hold(ran.stdout.startsWith('{'), 'a result of the load test', ran.stderr || ran.stdout);
    return JSON.parse(ran.stdout) as Loaded;
  });
}

async function loaded(world: World) {
  const { offered, accepted, repeats, lag, deadLetters: dead, stored: time, audit } = await load(world);
  same([accepted, dead], [offered, 0], 'accepted and dead letters');
  same(Object.values(audit).reduce((sum, count) => sum + count, 0), 0, 'what the audit of every conversation found');
  hold(lag < 1_000 && repeats > 0, 'a lag below 1000, and repeats', { lag, repeats });
  const seen = `10 s at 50/s over 100 conversations: ${accepted} accepted, ${repeats} sent twice, stored within ${time.p95.toFixed(0)} ms (p95), lag at most ${lag}, each conversation whole, once and in order`;
  return { seen, open: 'its full length and rate: npm run load-test -- --workload=messages --file=load-test.yml' };
}

const OWN = { on: ['embedded'], elsewhere: 'on a server of its own: measured with --target embedded' } as const;

/** Messages and the log that they go through. */
export const OF_MESSAGES: readonly Check[] = [
  { id: 'API-11', run: ingress },
  { id: 'DRL-02', run: ingress },
  { id: 'API-12', run: receipts },
  { id: 'DAT-05', run: receipts },
  { id: 'DAT-04', ...OWN, run: cacheLost },
  { id: 'DAT-07', ...OWN, run: states },
  { id: 'DAT-08', run: large },
  { id: 'MSG-02', run: owners },
  { id: 'MSG-03', run: inOrder },
  { id: 'MSG-04', run: atOnce },
  { id: 'MSG-06', ...OWN, run: deadLetters },
  { id: 'MSG-07', run: endToEnd },
  { id: 'MSG-08', disturbs: true, run: pauses },
  { id: 'API-19', disturbs: true, run: pauses },
  { id: 'X-24', disturbs: true, run: pauses },
  { id: 'MSG-09', ...OWN, run: direct },
  { id: 'MSG-11', ...OWN, run: cacheLost },
  { id: 'MSG-13', ...OWN, run: repartition },
  { id: 'X-25', ...OWN, run: repartition },
  { id: 'CMD-14', run: partitionOf },
  { id: 'MET-05', ...OWN, run: metrics },
  { id: 'MET-06', ...OWN, run: metrics },
  { id: 'MET-07', ...OWN, run: metrics },
  { id: 'MET-08', ...OWN, run: deadLetters },
  { id: 'MET-09', ...OWN, run: metrics },
  { id: 'MET-10', ...OWN, run: metrics },
  { id: 'ENV-17', run: settings },
  { id: 'ENV-18', run: settings },
  { id: 'ENV-19', run: settings },
  { id: 'ENV-20', run: settings },
  { id: 'ENV-21', run: settings },
  { id: 'FIL-06', run: dashboard },
  { id: 'DSH-02', run: dashboard },
  { id: 'FIL-07', run: rules },
  { id: 'FIL-12', run: loadFile },
  { id: 'LD-02', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'SLO-06', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'SLO-07', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'SLO-08', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'X-32', withinMs: LOAD_WITHIN_MS, run: loaded },
];
