import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { accept, type Json, notification, startApp, type TestApp, untilStatus } from '../support/app.js';

describe('Whoever watches the server', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
    await untilStatus(app, await accept(app, notification({ idempotencyKey: 'watch' })), ['delivered']);
    await app.send('POST', '/api/v1/notifications', notification({ idempotencyKey: 'watch' }));
  });
  afterAll(() => app.stop());

  it('finds name, version and links at the root', async () => {
    expect((await app.get('/')).body).toMatchObject({ name: 'signalbox', version: 'test', links: { health: '/health' } });
  });

  it('finds it healthy, in exactly the words of the contract', async () => {
    const { status, body } = await app.get('/health');
    expect(status).toBe(200);
    expect(JSON.stringify(body)).toBe('{"status":"healthy","database":"connected","redis":"embedded","messageQueue":"connected"}');
  });

  it.each(['/livez', '/readyz', '/health/live', '/health/ready'])('gets 200 from %s', async (path) => {
    expect((await app.get(path)).status).toBe(200);
  });

  it('may keep a connection idle for longer than balancers do, so that no request of theirs meets a closing socket', async () => {
    expect((await app.get('/livez')).headers.get('keep-alive')).toBe('timeout=75');
  });

  it('gets metrics as text by default, as JSON by Accept, and always as text under /metrics/prometheus', async () => {
    const text = await app.get<string>('/metrics');
    expect(text.headers.get('content-type')).toContain('text/plain');
    expect(text.body).toContain('signalbox_accepted_total{workload="notifications",outcome="created"} 1');
    expect(text.body).toContain('idempotency_hit_total{operation="ingress"} 1');
    expect(text.body).toContain('signalbox_deliveries_settled_total{channel="email",status="delivered"} 1');
    expect(text.body).toContain('signalbox_deliveries{status="delivered"} 1');
    const json = await app.send('GET', '/metrics', undefined, { accept: 'application/json' });
    expect((json.body as unknown as { name: string }[]).map((metric) => metric.name)).toContain('signalbox_accepted_total');
    const always = await app.send<string>('GET', '/metrics/prometheus', undefined, { accept: 'application/json' });
    expect(always.body).toContain('# HELP signalbox_accepted_total');
  });

  it('gives every metric of its own a help text and a known prefix', async () => {
    const { body } = await app.get<string>('/metrics');
    const names = [...body.matchAll(/^# HELP (\S+) (.*)$/gm)];
    for (const [, name, help] of names) {
      expect(name).toMatch(/^(signalbox_|stream_|process_|nodejs_|idempotency_hit_total|circuit_breaker_state|worker_restarts_total)/);
      expect(help?.length).toBeGreaterThan(10);
    }
  });

  it('sees CPU, memory, event loop, store and queue under /resources', async () => {
    const { body } = await app.get('/resources');
    expect(body).toMatchObject({
      cpu: { percent: expect.any(Number) },
      memory: { rssBytes: expect.any(Number) },
      eventLoop: { lagP99Ms: expect.any(Number) },
      database: { driver: 'embedded', open: 1, inUse: 1, limit: 1 },
      queue: { depth: expect.any(Number), unacked: expect.any(Number), consumers: 1 },
    });
  });
});

describe('Limits', () => {
  it('METRICS_TOKEN closes the metrics to everyone without it', async () => {
    const app = await startApp({ METRICS_TOKEN: 'long-enough-token' });
    try {
      expect((await app.get('/metrics')).status).toBe(401);
      expect((await app.get('/metrics/prometheus')).status).toBe(401);
      expect((await app.send('GET', '/metrics', undefined, { authorization: 'Bearer long-enough-token' })).status).toBe(200);
    } finally {
      await app.stop();
    }
  });

  it('RATE_LIMIT_PER_MINUTE answers 429 with Retry-After past it', async () => {
    const app = await startApp({ RATE_LIMIT_PER_MINUTE: '3' });
    try {
      const answers = [];
      for (let n = 0; n < 4; n += 1) answers.push(await app.send('POST', '/api/v1/notifications', notification()));
      expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202, 429]);
      expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(answers[0]?.headers.get('ratelimit')).toContain('r=2');
    } finally {
      await app.stop();
    }
  });

  it('MAX_INGRESS_BACKLOG answers 429 with Retry-After, and ENABLE_STREAM_CONSUMERS=false accepts and consumes nothing', async () => {
    const app = await startApp({ MAX_INGRESS_BACKLOG: '2', ENABLE_STREAM_CONSUMERS: 'false' });
    try {
      const ids = [await accept(app, notification()), await accept(app, notification())];
      const refused = await app.send('POST', '/api/v1/notifications', notification());
      expect([refused.status, refused.body.code]).toEqual([429, 'backlog-full']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      const { body } = await app.get<{ data: Json[] }>('/api/v1/notifications');
      expect(body.data.map((item) => [item.notificationId, item.status]).sort()).toEqual(ids.map((id) => [id, 'queued']).sort());
    } finally {
      await app.stop();
    }
  });

  it('CORS_ORIGINS lets the named origin in and no other', async () => {
    const app = await startApp({ CORS_ORIGINS: 'https://app.example.org' });
    try {
      const named = await app.send('GET', '/api/v1/notifications', undefined, { origin: 'https://app.example.org' });
      const other = await app.send('GET', '/api/v1/notifications', undefined, { origin: 'https://evil.example.org' });
      expect(named.headers.get('access-control-allow-origin')).toBe('https://app.example.org');
      expect(other.headers.get('access-control-allow-origin')).toBeNull();
    } finally {
      await app.stop();
    }
  });
});
