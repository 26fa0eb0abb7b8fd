import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  accept,
  type DeliveryBody,
  eventually,
  type Json,
  type NotificationBody,
  notification,
  startApp,
  type TestApp,
  untilStatus,
} from '../support/app.js';

const prefs = (user: string): string => `/api/v1/users/${user}/preferences`;

const only = (body: NotificationBody): DeliveryBody => {
  const [delivery] = body.deliveries;
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
};

describe('An e-mail', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  interface Mail {
    readonly arrivals: readonly { readonly target: string; readonly listUnsubscribe?: { readonly url: string; readonly post: string } }[];
  }

  async function mailTo(address: string, change: Json): Promise<Mail['arrivals'][number]> {
    const id = await accept(app, notification({ to: { email: address }, ...change }));
    await untilStatus(app, id, ['delivered']);
    return eventually(async () => {
      const { body } = await app.get<Mail>('/sink/deliveries');
      return body.arrivals.find(({ target }) => target === address);
    });
  }

  async function linkFor(user: string, category: string): Promise<string> {
    const { listUnsubscribe } = await mailTo(`${user}-${category}@example.org`, { userId: user, category });
    if (listUnsubscribe === undefined) throw new Error('the mail has no link');
    return listUnsubscribe.url;
  }

  const click = (url: string, body = 'List-Unsubscribe=One-Click'): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });

  it('says how to get no more of its kind, and the link in it does what it says', async () => {
    const { listUnsubscribe } = await mailTo('headers@example.org', { userId: 'ana', category: 'marketing' });
    const url = listUnsubscribe?.url ?? '';
    expect(listUnsubscribe?.post).toBe('List-Unsubscribe=One-Click');
    expect(url.startsWith(`http://localhost:${new URL(app.url).port}/unsubscribe/`)).toBe(true);
    await app.send('PUT', prefs('ana'), { contacts: { email: 'ana@example.org' }, categories: { marketing: { push: true } } });

    const page = await fetch(url);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('<form method="post">');
    expect((await app.get(prefs('ana'))).body.version).toBe(1);

    expect((await click(url)).status).toBe(200);
    expect((await app.get(prefs('ana'))).body).toMatchObject({
      version: 2,
      contacts: { email: 'ana@example.org' },
      categories: { marketing: { push: true, email: false } },
    });
    expect((await click(url)).status).toBe(200);
    expect((await app.get(prefs('ana'))).body.version).toBe(2);

    const next = await accept(app, notification({ userId: 'ana', category: 'marketing' }));
    expect(only(await untilStatus(app, next, ['skipped', 'delivered']))).toMatchObject({ reason: 'preference.category' });
    const others = [
      notification({ userId: 'ana', category: 'orders' }),
      notification({ userId: 'bo', category: 'marketing' }),
      notification({ userId: 'ana', category: 'marketing', channels: ['webhook'], to: { webhook: `${app.url}/sink/webhook/ana` } }),
    ];
    for (const other of others) await untilStatus(app, await accept(app, other), ['delivered']);
  });

  it('keeps every one of many choices that are made at the same time', async () => {
    const urls = await Promise.all(['one', 'two', 'three', 'four', 'five'].map((category) => linkFor('cleo', category)));
    const answers = await Promise.all(urls.map((url) => click(url)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const { body } = await app.get(prefs('cleo'));
    expect(Object.keys(body.categories as Json).sort()).toEqual(['five', 'four', 'one', 'three', 'two']);
  });

  it('takes the mail program’s word in either form, and nobody else’s', async () => {
    const url = await linkFor('dora', 'news');
    expect((await click(url, '')).status).toBe(400);
    expect((await click(url, 'something=else')).status).toBe(400);
    expect((await click(url, 'x'.repeat(5000))).status).toBe(413);
    expect((await app.get(prefs('dora'))).body.version).toBe(0);
    const form = new FormData();
    form.append('List-Unsubscribe', 'One-Click');
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(200);
    expect((await app.get(prefs('dora'))).body.version).toBe(1);
  });

  it('has a link that cannot be made up or altered', async () => {
    const url = await linkFor('eve', 'news');
    const token = url.slice(url.lastIndexOf('/') + 1);
    const [content = '', signature = ''] = token.split('.');
    const other = Buffer.from(Buffer.from(content, 'base64url').toString().replace('"eve"', '"bob"')).toString('base64url');
    const forged = [
      `${other}.${signature}`,
      `${content}.${signature.slice(0, -1)}`,
      `${content}.${signature}=`,
      `${content}.${signature}.x`,
      `${content}.`,
      content,
      'nonsense',
      '.',
      'x'.repeat(3000),
    ];
    for (const each of forged) {
      for (const method of ['GET', 'POST']) {
        const body = method === 'POST' ? { body: 'List-Unsubscribe=One-Click' } : {};
        const answer = await fetch(`${app.url}/unsubscribe/${each}`, { method, ...body });
        expect([each, method, answer.status]).toEqual([each, method, 404]);
        expect(await answer.text()).not.toMatch(/eve|bob|news/);
      }
    }
    for (const user of ['eve', 'bob']) expect((await app.get(prefs(user))).body.version).toBe(0);
  });

  it('of a critical category has no link', async () => {
    const { listUnsubscribe } = await mailTo('critical@example.org', { userId: 'ana', category: 'security' });
    expect(listUnsubscribe).toBeUndefined();
  });
});

describe('The page of a link', () => {
  it('is limited as the API is: nobody tries signatures at leisure', async () => {
    const app = await startApp({ RATE_LIMIT_PER_MINUTE: '5' });
    try {
      const statuses: number[] = [];
      for (let n = 0; n < 7; n += 1) statuses.push((await fetch(`${app.url}/unsubscribe/nonsense`)).status);
      expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429]);
    } finally {
      await app.stop();
    }
  });
});

describe('A link of a category that has become critical since', () => {
  it('says so and changes nothing', async () => {
    const secret = 's'.repeat(40);
    const before = await startApp({ CRITICAL_CATEGORIES: ',', LINK_SECRET: secret, PUBLIC_URL: 'https://notify.example.org/x' });
    let path: string;
    try {
      await untilStatus(before, await accept(before, notification({ userId: 'ana', category: 'account' })), ['delivered']);
      const { body } = await before.get<{ arrivals: { listUnsubscribe?: { url: string } }[] }>('/sink/deliveries');
      const url = body.arrivals[0]?.listUnsubscribe?.url ?? '';
      expect(url.startsWith('https://notify.example.org/x/unsubscribe/')).toBe(true);
      path = url.slice('https://notify.example.org/x'.length);
    } finally {
      await before.stop();
    }
    const after = await startApp({ LINK_SECRET: `${'n'.repeat(40)},${secret}` });
    try {
      const page = await fetch(after.url + path);
      expect(page.status).toBe(200);
      expect(await page.text()).not.toContain('<form');
      expect((await fetch(after.url + path, { method: 'POST', body: 'List-Unsubscribe=One-Click' })).status).toBe(409);
      expect((await after.get(prefs('ana'))).body.version).toBe(0);
    } finally {
      await after.stop();
    }
  });
});
