import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ERRORS } from '../../src/errors.js';
import { ACCESS } from '../../src/ingress/access.js';
import { type Balancer, HANGS_UP, IMPATIENT, REFUSED, SILENT, STRICT, startBalancer } from '../support/nginx.js';

const MINUTES_TO_INSTALL = 300_000;
/** What a caller of the scopes `send` and `read` uses; the rest is for those who run it. */
const FOR_EVERYBODY = new Set(['send', 'read']);
const routes = ACCESS.map(({ method, path, scope }) => ({ method: method.toUpperCase(), path: path.replaceAll(/:\w+/g, 'x1'), scope }));

describe('nginx, as nginx.conf makes it', () => {
  let nginx: Balancer;
  beforeAll(async () => {
    nginx = await startBalancer();
  }, MINUTES_TO_INSTALL);
  afterAll(() => nginx?.stop());

  it.each(routes.filter(({ scope }) => FOR_EVERYBODY.has(scope)))('leads $method $path on 443 to the API', async ({ method, path }) => {
    expect((await nginx.ask(443, method, path)).status).toBe(200);
  });

  it.each(routes.filter(({ scope }) => !FOR_EVERYBODY.has(scope)))(
    'has no $method $path ($scope) on 443, however it is written, and leads there on 8080',
    async ({ method, path }) => {
      const written = [path, path.toUpperCase(), path.replace('/api', '//api'), `${path}/`, path.replace('/api', '/%61pi'), `/x/..${path}`];
      const outside = await Promise.all(written.map(async (each) => (await nginx.ask(443, method, each)).status));
      expect(outside).toEqual(written.map(() => 404));
      expect((await nginx.ask(8080, method, path)).body).toBe('reached');
    },
  );

  it.each(['/metrics', '/metrics/prometheus', '/Metrics', '/resources', '/sink/webhook/x', '//metrics'])(
    'has no %s on 443',
    async (path) => {
      expect((await nginx.ask(443, 'GET', path)).status).toBe(404);
    },
  );

  it('forwards for its callers on 443, and asks for itself on 8080, so that whoever is on this machine may read the metrics', async () => {
    expect((await nginx.ask(443, 'GET', '/')).headers['x-was-forwarded']).toBe('127.0.0.1');
    for (const path of ['/metrics', '/resources']) expect((await nginx.ask(8080, 'GET', path)).headers['x-was-forwarded']).toBe('nobody');
  });

  it('tells Prometheus by itself, on 9113 alone, how many connections there are', async () => {
    const { status, body } = await nginx.ask(9113, 'GET', '/metrics');
    expect([status, body]).toEqual([200, expect.stringMatching(/^nginx_connections\{state="writing"\} [1-9]\d*$/m)]);
    expect((await nginx.ask(9113, 'GET', '/api/v1/keys')).status).toBe(404);
  });

  it('answers the probes on 80, and sends all else on to 443, keys among it', async () => {
    expect((await nginx.ask(80, 'GET', '/health')).body).toBe('reached');
    const { status, location } = await nginx.ask(80, 'GET', '/api/v1/keys');
    expect([status, location]).toEqual([308, expect.stringMatching(/^https:\/\/127\.0\.0\.1\/api\/v1\/keys$/)]);
  });
});

describe('nginx, to a stranger who asks too much', () => {
  let nginx: Balancer;
  beforeAll(async () => {
    nginx = await startBalancer(STRICT);
  }, MINUTES_TO_INSTALL);
  afterAll(() => nginx?.stop());

  it('hands on what the API refuses, and then refuses in the same form itself', async () => {
    const { path } = REFUSED;
    const { status, headers, body } = await nginx.ask(443, 'GET', path);
    expect({ path, status, headers, body }).toEqual({ ...REFUSED, headers: expect.objectContaining(REFUSED.headers) });
    expect((await nginx.ask(443, 'GET', '/')).body).toBe('reached');
    const asked = ['/api/v1/notifications', '/api/v1/x%22%7D%0A,%22y', '/api/v1/users/x/stream'];
    const refusals = await Promise.all(asked.map((each) => nginx.ask(443, 'POST', `${each}?secret=1`)));
    const instances = ['/api/v1/notifications', '/', '/api/v1/users/x/stream'];
    expect(refusals.map((each) => ({ status: each.status, ...JSON.parse(each.body) }))).toEqual(
      instances.map((instance, at) => ({
        type: 'urn:signalbox:problem:rate-limited',
        title: ERRORS['rate-limited'].title,
        status: ERRORS['rate-limited'].status,
        detail: expect.stringContaining('200 requests'),
        instance,
        code: 'rate-limited',
        requestId: refusals[at]?.headers['x-request-id'],
        errors: [],
      })),
    );
    expect(refusals[0]?.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '1',
      ratelimit: '"address";r=0;t=1',
      'ratelimit-policy': '"address";q=200;w=1',
      'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('is not asked too much on 8080', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => nginx.ask(8080, 'GET', '/')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });
});

describe('nginx, where it has to answer itself', () => {
  let nginx: Balancer;
  beforeAll(async () => {
    nginx = await startBalancer(IMPATIENT);
  }, MINUTES_TO_INSTALL);
  afterAll(() => nginx?.stop());

  const tooMuch = 'x'.repeat(1_048_577);
  it.each([
    { what: 'a closed path', port: 443, method: 'GET', path: '/api/v1/keys', status: 404, code: 'not-found' },
    {
      what: 'a body beyond a mebibyte',
      port: 443,
      method: 'POST',
      path: '/api/v1/jobs',
      body: tooMuch,
      status: 413,
      code: 'payload-too-large',
    },
    { what: 'a method that nobody has', port: 443, method: 'TRACE', path: '/api/v1/jobs', status: 405, code: 'invalid-request' },
    { what: 'an API that hangs up', port: 443, method: 'POST', path: HANGS_UP, status: 502, code: 'api-unavailable' },
    { what: 'an API that says nothing', port: 8080, method: 'POST', path: SILENT, status: 504, code: 'api-unavailable' },
  ] as const)('tells of $what as the API would', async ({ port, method, path, status, code, ...more }) => {
    const answer = await nginx.ask(port, method, path, 'body' in more ? more.body : undefined);
    const retryable = code === 'api-unavailable';
    expect({ answered: answer.status, ...JSON.parse(answer.body) }).toEqual({
      answered: status,
      type: `urn:signalbox:problem:${code}`,
      title: code === 'api-unavailable' ? 'No API answers' : ERRORS[code].title,
      status,
      detail: expect.stringMatching(/\w/),
      instance: path,
      code,
      requestId: answer.headers['x-request-id'],
      errors: [],
    });
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['retry-after']).toBe(retryable ? '1' : undefined);
    expect(answer.headers['ratelimit-policy']).toBeUndefined();
  });
});
