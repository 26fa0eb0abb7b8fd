import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Answer, accept, eventually, type Json, notification, sinkOf, startApp, type TestApp, untilStatus } from '../support/app.js';
import { DeskTester, type Full, type Line, type List, type Operation } from './desk-tester.js';

let app: TestApp;
let desk: DeskTester;

beforeEach(async () => {
  app = await startApp({ SEND_TIMEOUT_MS: '1500', MAX_RETRY_ATTEMPTS: '1', BREAKER_FAILURES: '1000' });
  desk = new DeskTester(app);
});
afterEach(() => app.stop());

describe('one dead letter', () => {
  test('that was refused goes out again under a new operation id, and a second failure is back on the desk with its lineage', async () => {
    await desk.refuses('shop');
    const [id] = await desk.die('shop');
    const before = await desk.only();
    const redriven = await app.send<Line>('POST', `/api/v1/dead-letters/${before.deliveryId}/redrive`, { note: 'try again' });
    expect(redriven.status).toBe(202);
    expect(redriven.body).toMatchObject({ deliveryId: before.deliveryId, recordId: id, generation: 2, redrives: 1, status: 'queued' });

    const again = await eventually(async () => (await desk.lines()).find((line) => line.redrives === 1));
    expect(again).toMatchObject({ deliveryId: before.deliveryId, recordId: id, generation: 2, fingerprint: before.fingerprint });
    const { body } = await app.get<Full>(`/api/v1/dead-letters/${before.deliveryId}`);
    expect(body.lineage).toEqual([
      expect.objectContaining({ generation: 1, operationId: before.operationId, attempts: 1, result: 'dead', code: 'http_400' }),
      expect.objectContaining({ generation: 2, operationId: again.operationId, attempts: 1, result: 'dead', code: 'http_400' }),
    ]);
    expect(body.ledger.filter((entry) => entry.kind === 'intent').map((entry) => entry.operationId)).toEqual([
      before.operationId,
      again.operationId,
    ]);
    expect(body.events.map((event) => event.name)).toEqual([
      'accepted',
      'claimed',
      'attempted',
      'dead',
      'redriven',
      'claimed',
      'attempted',
      'dead',
    ]);

    await desk.heal('shop');
    await app.send('POST', `/api/v1/dead-letters/${before.deliveryId}/redrive`);
    const { deliveries } = await untilStatus(app, id ?? '', ['delivered']);
    expect(deliveries[0]?.attempts).toHaveLength(3);
    expect((await sinkOf(app)).effects).toHaveLength(1);
    expect(await desk.lines()).toEqual([]);
  });

  test('whose outcome nobody knows keeps its webhook-id, so that its receiver can absorb the repeat', async () => {
    await desk.answers('slow', { do: 'hang' });
    const [id] = await desk.die('slow');
    const before = await desk.only();
    expect(before.failure?.code).toBe('timeout');
    await desk.heal('slow');
    const { body } = await app.send<Line>('POST', `/api/v1/dead-letters/${before.deliveryId}/redrive`);
    expect(body).toMatchObject({ generation: 1, redrives: 1, operationId: before.operationId });
    const { deliveries } = await untilStatus(app, id ?? '', ['delivered']);
    expect(deliveries[0]?.attempts.map((attempt) => attempt.attempt)).toEqual([1, 2, 3]);
    const { effects } = await sinkOf(app);
    expect(effects).toMatchObject([{ operationId: before.operationId, duplicates: 2 }]);
  });

  test('is redriven or discarded only while it is dead, and asking twice is asking once', async () => {
    await desk.refuses('shop');
    await desk.die('shop', 2);
    const [one, two] = await desk.lines();
    const discard = (reason: string): Promise<Answer> => app.send('DELETE', `/api/v1/dead-letters/${one?.deliveryId}${reason}`);
    expect(await discard('')).toMatchObject({ status: 400, body: { errors: [{ pointer: '?reason', detail: 'is required' }] } });
    for (const wrong of ['x%0A', '%20'])
      expect(await discard(`?reason=${wrong}`)).toMatchObject({ status: 400, body: { errors: [{ pointer: '?reason' }] } });
    expect(await discard('?reason=a+typing+error')).toMatchObject({ status: 200, body: { status: 'cancelled', changed: true } });
    expect(await discard('?reason=a+typing+error')).toMatchObject({ status: 200, body: { status: 'cancelled', changed: false } });
    expect(await app.get(`/api/v1/dead-letters/${one?.deliveryId}`)).toMatchObject({ status: 404 });
    expect((await desk.lines()).map((line) => line.deliveryId)).toEqual([two?.deliveryId]);
    const { body } = await app.get<{ deliveries: Json[] }>(`/api/v1/notifications/${one?.recordId}`);
    expect(body.deliveries).toMatchObject([{ status: 'cancelled', reason: 'desk.discarded', failure: { code: 'http_400' } }]);
    const late = await app.send('POST', `/api/v1/dead-letters/${one?.deliveryId}/redrive`);
    expect(late).toMatchObject({ status: 409, body: { code: 'conflict', detail: 'The delivery is cancelled, not dead' } });
    expect((await app.send('POST', '/api/v1/dead-letters/nobody/redrive')).status).toBe(404);
  });
});

describe('the lists', () => {
  test('are filtered and grouped by cause, and everything that is wrong with a question is named', async () => {
    await desk.refuses('shop');
    await desk.refuses('bank', 410);
    await desk.die('shop', 3, { userId: 'ada' });
    await desk.die('bank', 1, { userId: 'bob' });
    const groups = (await app.get<List<Json>>('/api/v1/dead-letters/groups')).body.data;
    expect(groups).toMatchObject([
      { code: 'http_400', count: 3, channel: 'webhook', workload: 'notifications', message: expect.any(String) },
      { code: 'http_410', count: 1 },
    ]);
    const cause = groups[0]?.fingerprint;
    expect(await desk.lines(`/api/v1/dead-letters?fingerprint=${String(cause)}`)).toHaveLength(3);
    expect(await desk.lines('/api/v1/dead-letters?userId=bob&code=http_410&channel=webhook&workload=notifications')).toHaveLength(1);
    expect(await desk.lines(`/api/v1/dead-letters?since=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toEqual([]);
    const page = (await app.get<List<Line>>('/api/v1/dead-letters?limit=2&userId=ada')).body;
    expect(await desk.lines(`/api/v1/dead-letters?limit=2&userId=ada&cursor=${page.nextCursor}`)).toHaveLength(1);
    expect(groups[0]?.sample).toBe((await desk.lines('/api/v1/dead-letters?userId=ada'))[0]?.deliveryId);

    const wrong = await app.get<{ errors: { pointer: string }[] }>('/api/v1/dead-letters?since=yesterday&fingerprint=x&colour=red');
    expect(wrong.status).toBe(400);
    expect(wrong.body.errors.map((error) => error.pointer).sort()).toEqual(['?colour', '?fingerprint', '?since']);
  });
});

describe('what is held', () => {
  beforeEach(async () => {
    await app.send('PUT', '/sink/behaviour', { channel: 'email', then: { do: 'drop-reply' } });
  });

  async function hold(count: number): Promise<readonly string[]> {
    const ids = await Promise.all(
      Array.from({ length: count }, (_, n) => accept(app, notification({ to: { email: `someone${n}@example.org` } }))),
    );
    for (const id of ids) await untilStatus(app, id, ['held']);
    return ids;
  }

  test('is grouped, shown with its ledger, and resolved by its delivery’s id', async () => {
    const [id] = await hold(2);
    expect((await app.get<List<Json>>('/api/v1/held/groups')).body.data).toMatchObject([{ fingerprint: null, channel: 'email', count: 2 }]);
    const line = (await desk.lines('/api/v1/held')).find((each) => each.recordId === id);
    const full = await app.get<Full>(`/api/v1/held/${line?.deliveryId}`);
    expect(full.body.ledger).toHaveLength(2);
    const path = `/api/v1/held/${line?.deliveryId}/resolve`;
    expect(await app.send('POST', path, { resolution: 'perhaps' })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/resolution' }] },
    });
    const resolved = await app.send('POST', path, { resolution: 'delivered', note: 'they say it came' });
    expect(resolved).toMatchObject({ status: 200, body: { status: 'delivered', changed: true } });
    expect(await app.send('POST', path, { resolution: 'delivered' })).toMatchObject({ status: 200, body: { changed: false } });
    expect(await app.send('POST', path, { resolution: 'dead' })).toMatchObject({ status: 409 });
    expect(await desk.lines('/api/v1/held')).toHaveLength(1);
  });

  test('is resolved by filter; what is held again then waits for a person again', async () => {
    const ids = await hold(3);
    const begun = await app.send<Operation>('POST', '/api/v1/held/resolve', { filter: {}, resolution: 'resend' });
    expect(begun).toMatchObject({ status: 202, body: { action: 'resolve', matched: 3 } });
    expect(await desk.ended(begun.body.operationId)).toMatchObject({ status: 'completed', done: 3, resolution: 'resend' });
    for (const id of ids) {
      const { deliveries } = await eventually(async () => {
        const body = await untilStatus(app, id, ['held']);
        return body.deliveries[0]?.attempts.length === 2 ? body : null;
      });
      expect(deliveries[0]?.status).toBe('held');
    }
    const dead = await app.send<Operation>('POST', '/api/v1/held/resolve', { filter: {}, resolution: 'dead' });
    expect(await desk.ended(dead.body.operationId)).toMatchObject({ status: 'completed', done: 3 });
    // Nobody knows what became of them: whoever redrives them takes that upon themselves, and the id stays.
    for (const line of await desk.lines()) {
      const { body } = await app.send<Line>('POST', `/api/v1/dead-letters/${line.deliveryId}/redrive`);
      expect(body).toMatchObject({ operationId: line.operationId, generation: 1, redrives: 1 });
    }
  });
});
