import { type Check, hold, same } from '../check.js';
import { compose } from '../containers.js';
import { type Accepted, BEAT_MS, history, message, PARTITIONS, post, STREAM, stored, type View } from '../message.js';
import { fresh } from '../notify.js';
import type { World } from '../world.js';

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
  same(
    all.map(({ content }) => content),
    Array.from({ length: many }, (_, n) => String(n)),
    'the conversation',
  );
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
  same(
    told.receipts.map(({ state }) => state),
    ['delivered', 'read'],
    'the receipts',
  );
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
  const lines = world.site.compose === null ? await world.site.logs() : (await compose(world, ['logs', '--no-color'])).stdout.split('\n');
  const started = new Set(lines.flatMap((line) => /Worker started for partition (\d+)/.exec(line)?.[1] ?? []));
  const missing = Array.from({ length: PARTITIONS }, (_, partition) => String(partition)).filter((partition) => !started.has(partition));
  same(missing, [], 'partitions without a line "Worker started for partition N"');
  return `${view.depth.length} partitions, owned by ${names.size} processes; "Worker started for partition N" for ${started.size}`;
}

async function partitionOf(world: World): Promise<string> {
  const env = { SIGNALBOX_URL: world.site.front, ...(world.site.apiKey === null ? {} : { SIGNALBOX_API_KEY: world.site.apiKey }) };
  const ran = await world.succeed(['npm', 'run', '--silent', 'cli', '--', 'partition-of', 'test_conv_001'], { env });
  hold(/^\d+ +msg:stream:\d+/.test(ran.stdout), 'a partition and its stream', ran.stdout);
  return ran.stdout.trim();
}

/** Messages, on whatever site. */
export const OF_MESSAGES: readonly Check[] = [
  { id: 'API-11', run: ingress },
  { id: 'DRL-02', run: ingress },
  { id: 'API-12', run: receipts },
  { id: 'DAT-05', run: receipts },
  { id: 'DAT-08', run: large },
  { id: 'MSG-02', run: owners },
  { id: 'MSG-03', run: inOrder },
  { id: 'MSG-04', run: atOnce },
  { id: 'MSG-07', run: endToEnd },
  { id: 'MSG-08', disturbs: true, run: pauses },
  { id: 'API-19', disturbs: true, run: pauses },
  { id: 'X-24', disturbs: true, run: pauses },
  { id: 'CMD-14', run: partitionOf },
];
