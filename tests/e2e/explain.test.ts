import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { accept, type Json, notification, startApp, type TestApp, untilStatus, webhookNotification } from '../support/app.js';

interface Told {
  readonly name: string;
  readonly rule: string;
  readonly failure: boolean;
  readonly why: string | null;
  readonly inputs?: Json;
  readonly wouldHaveChanged?: readonly { readonly change: string; readonly outcome: string }[];
}

interface Explanation {
  readonly notificationId: string;
  readonly events: readonly Told[];
}

interface Page {
  readonly data: readonly Explanation[];
  readonly nextCursor: string | null;
}

const explained = async (app: TestApp, id: string): Promise<readonly Told[]> =>
  (await app.get<Explanation>(`/api/v1/notifications/${id}/explain`)).body.events;

const named = (events: readonly Told[], name: string): Told => {
  const found = events.find((event) => event.name === name);
  if (found === undefined) throw new Error(`no event ${name} among ${events.map((event) => event.name).join()}`);
  return found;
};

/** Quiet hours around this moment, in a zone that never changes its clocks. */
function quietNow(): Json {
  const at = (hours: number): string => `${String((new Date().getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`;
  return { start: at(-2), end: at(3), timeZone: 'Etc/UTC' };
}

describe('Why', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  it('something waits: the quiet hours that were looked at, and what would have let it through', async () => {
    await app.send('PUT', '/api/v1/users/sleeper/preferences', { quietHours: quietNow() });
    const id = await accept(app, notification({ userId: 'sleeper' }));
    await untilStatus(app, id, ['deferred']);
    const deferred = named(await explained(app, id), 'deferred');
    expect(deferred).toMatchObject({ rule: 'quiet-hours', failure: false });
    expect(deferred.inputs).toMatchObject({ priority: 'normal', quietTimeZone: 'Etc/UTC', personVersion: 1, critical: false });
    expect(deferred.inputs?.['quietUntil']).toMatch(/^\d{4}-.*Z$/);
    expect(deferred.wouldHaveChanged).toContainEqual(
      expect.objectContaining({ change: 'with priority urgent', outcome: 'sent (quiet-hours.urgent)' }),
    );
  });

  it('something was skipped: the opt-out, not called a failure', async () => {
    await app.send('PUT', '/api/v1/users/picky/preferences', { categories: { news: { email: false } } });
    const id = await accept(app, notification({ userId: 'picky', category: 'news' }));
    await untilStatus(app, id, ['skipped']);
    const skipped = named(await explained(app, id), 'skipped');
    expect(skipped).toMatchObject({ rule: 'preference.category', failure: false });
    expect(skipped.wouldHaveChanged?.map(({ change }) => change)).toContain('with the category news switched on for email');
  });

  it('something was sent to somebody who never chose anything: the inputs are whole all the same', async () => {
    const id = await accept(app, notification({ userId: 'plain' }));
    await untilStatus(app, id, ['delivered']);
    const attempted = named(await explained(app, id), 'attempted');
    expect(attempted.rule).toBe('due');
    expect(attempted.inputs).toMatchObject({ personVersion: 0, channelOn: true, category: 'general', quietStart: null });
  });

  it('something is a dead letter: the rule, and the setting that would have kept it going', async () => {
    await app.send('PUT', '/sink/behaviour', { channel: 'webhook', name: 'why', steps: [], then: { do: 'status', status: 500 } });
    const id = await accept(app, webhookNotification(app, 'why', { userId: 'unlucky' }));
    await untilStatus(app, id, ['dead']);
    const events = await explained(app, id);
    const dead = named(events, 'dead');
    expect(dead).toMatchObject({ rule: 'retries.exhausted', failure: true });
    expect(dead.wouldHaveChanged).toContainEqual({ change: 'with a higher MAX_RETRY_ATTEMPTS', outcome: 'tried again' });
    expect(events.filter(({ why }) => why === null)).toEqual([]);
  });

  it('of all that concerned somebody: newest first, page by page, from a moment on', async () => {
    const ids = [];
    for (let count = 0; count < 3; count += 1) ids.push(await accept(app, notification({ userId: 'many' })));
    const first = (await app.get<Page>('/api/v1/notifications/explain?userId=many&limit=2')).body;
    const second = (await app.get<Page>(`/api/v1/notifications/explain?userId=many&limit=2&cursor=${first.nextCursor}`)).body;
    const seen = [...first.data, ...second.data].map((each) => each.notificationId);
    expect([...seen].sort()).toEqual([...ids].sort());
    expect(second.nextCursor).toBeNull();
    const since = new Date(Date.now() + 60_000).toISOString();
    expect((await app.get<Page>(`/api/v1/notifications/explain?userId=many&since=${since}`)).body).toEqual({ data: [], nextCursor: null });
    expect((await app.get('/api/v1/notifications/explain?since=yesterday')).status).toBe(400);
    expect((await app.get('/api/notifications/explain?userId=many')).status).toBe(200);
    expect((await app.get('/api/v1/notifications/nothing/explain')).status).toBe(404);
  });
});
