import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { accept, eventually, type Json, notification, startApp, type TestApp, untilStatus } from '../support/app.js';
import { type EventStream, openStream } from '../support/event-stream.js';

interface InboxBody {
  readonly data: readonly (Json & { readonly seq: number; readonly readAt: string | null })[];
  readonly unread: number;
  readonly nextCursor: string | null;
}

const forUser = (userId: string, change: Json = {}): Json => notification({ userId, channels: ['in-app'], to: {}, ...change });
const inboxOf = async (app: TestApp, userId: string, query = ''): Promise<InboxBody> =>
  (await app.get<InboxBody>(`/api/v1/users/${userId}/inbox${query}`)).body;

/** Accepts so many, one after the other, so that they stand in the inbox in this order. */
async function deliver(app: TestApp, userId: string, many: number, from = 1): Promise<void> {
  for (let n = from; n < from + many; n += 1) {
    const id = await accept(app, forUser(userId, { subject: `Item ${n}` }));
    await untilStatus(app, id, ['delivered']);
  }
}

const open: EventStream[] = [];
async function listen(app: TestApp, userId: string, lastEventId?: string): Promise<EventStream> {
  const stream = await openStream(`${app.url}/api/v1/users/${userId}/inbox/stream`, lastEventId);
  open.push(stream);
  return stream;
}
afterEach(() => {
  for (const stream of open.splice(0)) stream.close();
});

describe('An inbox over HTTP', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  it('is empty for whoever never got anything', async () => {
    expect(await inboxOf(app, 'nobody')).toEqual({ data: [], unread: 0, nextCursor: null });
  });

  it('shows what came, newest first, in pages', async () => {
    await deliver(app, 'lister', 3);
    const first = await inboxOf(app, 'lister', '?limit=2');
    expect(first.data.map(({ seq, subject }) => [seq, subject])).toEqual([
      [3, 'Item 3'],
      [2, 'Item 2'],
    ]);
    expect(first.data[0]).toEqual({
      itemId: expect.any(String),
      seq: 3,
      notificationId: expect.any(String),
      category: 'general',
      subject: 'Item 3',
      body: 'Your order is on its way.',
      data: null,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      readAt: null,
    });
    const rest = await inboxOf(app, 'lister', `?limit=2&cursor=${first.nextCursor}`);
    expect(rest).toMatchObject({ data: [{ seq: 1 }], unread: 3, nextCursor: null });
  });

  it('knows what was read: by number, up to one, and unread again', async () => {
    await deliver(app, 'reader', 4);
    const read = (body: Json) => app.send<Json>('POST', '/api/v1/users/reader/inbox/read', body);
    expect((await read({ seqs: [2, 2, 99] })).body).toEqual({ changed: 1, unread: 3 });
    expect((await read({ upTo: 3 })).body).toEqual({ changed: 2, unread: 1 });
    expect((await inboxOf(app, 'reader', '?unread=true')).data.map(({ seq }) => seq)).toEqual([4]);
    expect((await inboxOf(app, 'reader')).data.map(({ readAt }) => readAt === null)).toEqual([true, false, false, false]);
    expect((await read({ seqs: [1], read: false })).body).toEqual({ changed: 1, unread: 2 });
  });

  it.each([
    [{}, ''],
    [{ seqs: [1], upTo: 2 }, ''],
    [{ seqs: [] }, '/seqs'],
    [{ seqs: [0] }, '/seqs/0'],
    [{ upTo: 'all' }, '/upTo'],
    [{ upTo: 1, read: 'yes' }, '/read'],
    [{ upTo: 1, until: 2 }, '/until'],
  ])('refuses to read by %j and names %j', async (body, pointer) => {
    const answer = await app.send('POST', '/api/v1/users/user_001/inbox/read', body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request', errors: [{ pointer }] } });
  });

  it.each([
    ['/api/v1/users/a%20b/inbox', 'path: userId'],
    ['/api/v1/users/user_001/inbox?limit=0', '?limit'],
    ['/api/v1/users/user_001/inbox?unread=1', '?unread'],
    ['/api/v1/users/user_001/inbox?cursor=x', '?cursor'],
    [`/api/v1/users/user_001/inbox?cursor=${Buffer.from('[1795361474063,"a-notification"]').toString('base64url')}`, '?cursor'],
    ['/api/v1/users/user_001/inbox/stream?lastEventId=-1', '?lastEventId'],
  ])('%s is refused and names %s', async (path, pointer) => {
    expect(await app.get(path)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  });
});

describe('The stream of an inbox', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ INBOX_STREAMS_MAX: '12' });
  });
  afterAll(() => app.stop());

  it('is server-sent events that no proxy holds back', async () => {
    const { headers } = await listen(app, 'header');
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('cache-control')).toContain('no-cache');
    expect(headers.get('x-accel-buffering')).toBe('no');
  });

  it('gives its header alone to whoever asks for no more, and goes on serving others', async () => {
    const head = () => fetch(`${app.url}/api/v1/users/header/inbox/stream`, { method: 'HEAD', signal: AbortSignal.timeout(5000) });
    for (let n = 0; n < 12; n += 1) expect((await head()).status).toBe(200);
  });

  it('brings what is new at once, to every stream of the person and to nobody else', async () => {
    await deliver(app, 'ada', 1);
    const [one, two, other] = [await listen(app, 'ada'), await listen(app, 'ada'), await listen(app, 'bob')];
    const id = await accept(app, forUser('ada', { data: { text: 'a\nb' } }));
    // POLL_INTERVAL_MS is a minute here: only being told can bring it this soon.
    for (const stream of [one, two]) {
      const [event] = await stream.events(1);
      expect(event).toMatchObject({
        id: '2',
        event: 'notification',
        data: { seq: 2, notificationId: id, data: { text: 'a\nb' }, readAt: null },
      });
    }
    expect(other.seen()).toEqual([]);
  });

  it('goes on after the last event that a client has seen, by header or by query', async () => {
    await deliver(app, 'back', 25);
    const byHeader = await listen(app, 'back', '20');
    expect((await byHeader.events(5)).map(({ id }) => id)).toEqual(['21', '22', '23', '24', '25']);
    const byQuery = await openStream(`${app.url}/api/v1/users/back/inbox/stream?lastEventId=23`);
    open.push(byQuery);
    expect((await byQuery.events(2)).map(({ id }) => id)).toEqual(['24', '25']);
    const all = await listen(app, 'back', '0');
    expect((await all.events(25)).map(({ id }) => Number(id))).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
  });

  it('tells a client that names nothing where it begins, so that it can resume before its first event', async () => {
    await deliver(app, 'fresh', 2);
    const stream = await listen(app, 'fresh');
    await eventually(() => Promise.resolve(stream.lastEventId() === '2'));
    stream.close();
    await deliver(app, 'fresh', 1, 3);
    const again = await listen(app, 'fresh', stream.lastEventId());
    expect((await again.events(1)).map(({ id }) => id)).toEqual(['3']);
  });

  it('starts over for a client that has seen more than this inbox ever had', async () => {
    await deliver(app, 'restored', 2);
    const stream = await listen(app, 'restored', '17');
    expect((await stream.events(2)).map(({ id }) => id)).toEqual(['1', '2']);
  });

  it('is open ten times for one person, twelve times in all, and free again when one closes', async () => {
    const path = (userId: string) => `/api/v1/users/${userId}/inbox/stream`;
    await eventually(async () => {
      const probe = await openStream(app.url + path('counted')).catch(() => null);
      probe?.close();
      return probe !== null;
    });
    const mine: EventStream[] = [];
    for (let n = 0; n < 10; n += 1) mine.push(await listen(app, 'counted'));
    expect(await app.get(path('counted'))).toMatchObject({ status: 429, body: { code: 'too-many-streams' } });
    await listen(app, 'eleventh');
    await listen(app, 'twelfth');
    const full = await app.get(path('thirteenth'));
    expect(full).toMatchObject({ status: 503, body: { code: 'streams-full' } });
    expect(full.headers.get('retry-after')).toBe('10');
    mine[0]?.close();
    const freed = await eventually(async () => openStream(app.url + path('thirteenth')).catch(() => null));
    open.push(freed);
  });
});

describe('A stream over a restart of the server', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'signalbox-inbox-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('ends with the drain, and goes on with the next server, without a gap and without a double', async () => {
    const first = await startApp({ DATA_DIR: dataDir });
    const stream = await listen(first, 'ada');
    await deliver(first, 'ada', 3);
    await stream.events(3);
    const stopping = performance.now();
    const ended = stream.ended();
    await first.stop();
    await ended;
    // An open stream must not hold the drain up, nor wait for the connections to be cut.
    expect(performance.now() - stopping).toBeLessThan(5000);

    const second = await startApp({ DATA_DIR: dataDir });
    try {
      await deliver(second, 'ada', 2, 4);
      const again = await listen(second, 'ada', stream.lastEventId());
      await deliver(second, 'ada', 2, 6);
      const seen = [...stream.seen(), ...(await again.events(4))];
      expect(seen.map(({ id, data }) => [id, data['subject']])).toEqual(
        Array.from({ length: 7 }, (_, n) => [String(n + 1), `Item ${n + 1}`]),
      );
    } finally {
      await second.stop();
    }
  });
});
