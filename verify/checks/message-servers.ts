import { type Check, same } from '../check.js';
import { BEAT_MS, history, message, PARTITIONS, post, STREAM, type Stored, stored, type View } from '../message.js';
import { fresh } from '../notify.js';
import type { World } from '../world.js';

/** A repeat is remembered for so long in servers of a check's own, so that a check can outlive it. */
const BRIEF = { IDEMPOTENCY_TTL_MS: '1000' };
const FORGOTTEN_MS = 1_200;
const OWN = { on: ['embedded'], elsewhere: 'on a server of its own: measured with --target embedded' } as const;

/** What remembers the key is gone after a second here: the store alone keeps it from being stored twice. */
async function cacheLost(world: World): Promise<string> {
  const { url } = await world.server(BRIEF);
  const body = message();
  const first = await post(world, body, url);
  await stored(world, body['conversationId'], 1, url);
  await world.pause(FORGOTTEN_MS);
  same((await post(world, body, url)).messageId, first.messageId, 'the id after the cache has forgotten it');
  await world.until(
    'the repeat to be handled',
    async () => (await counter(world, url, 'stream_consumer_processed_total{status="duplicate"}')) === 1,
  );
  same((await history(world, body['conversationId'], url)).length, 1, 'rows');
  return 'after the cache had forgotten the key: the same id, and no second row';
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

async function repartition(world: World): Promise<string> {
  const { url } = await world.server();
  const conversationId = fresh('room');
  for (let n = 0; n < 5; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  await world.call(`${url}${STREAM}/partitions`, { method: 'POST', body: { partitions: 2 * PARTITIONS } });
  for (let n = 5; n < 10; n += 1) await post(world, message({ conversationId, content: String(n) }), url);
  const all = await stored(world, conversationId, 10, url);
  same(
    all.map(({ content }) => content),
    Array.from({ length: 10 }, (_, n) => String(n)),
    'the conversation',
  );
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

/** Messages on servers of the checks' own, which may be set up as the row wants them. */
export const ON_MESSAGE_SERVERS: readonly Check[] = [
  { id: 'DAT-04', ...OWN, run: cacheLost },
  { id: 'DAT-07', ...OWN, run: states },
  { id: 'MSG-06', ...OWN, run: deadLetters },
  { id: 'MSG-09', ...OWN, run: direct },
  { id: 'MSG-11', ...OWN, run: cacheLost },
  { id: 'MSG-13', ...OWN, run: repartition },
  { id: 'MET-05', ...OWN, run: metrics },
  { id: 'MET-06', ...OWN, run: metrics },
  { id: 'MET-07', ...OWN, run: metrics },
  { id: 'MET-08', ...OWN, run: deadLetters },
  { id: 'MET-09', ...OWN, run: metrics },
  { id: 'MET-10', ...OWN, run: metrics },
];
