import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, type Finding, hold, same } from '../check.js';
import { type Accepted, accept, fresh, NOTIFICATIONS, reaches, request } from '../notify.js';
import { numbers, processes, resources } from '../reading.js';
import type { World } from '../world.js';

function fronts({ site }: World): readonly string[] {
  return [...new Set([site.front, ...site.apis])];
}

/** Where health must be told: to everybody as well. */
function healthOf(world: World): readonly string[] {
  return world.site.balancer === null ? fronts(world) : [world.site.balancer, ...fronts(world)];
}

async function apiHealth(world: World): Promise<string> {
  const redis = world.site.target === 'embedded' ? 'embedded' : 'connected';
  const healthy = { status: 'healthy', database: 'connected', redis, messageQueue: 'connected' };
  for (const origin of healthOf(world)) same((await world.expect(200, `${origin}/health`)).body, healthy, `/health of ${origin}`);
  return `healthy at ${healthOf(world).join(', ')}`;
}

const PART = { mongodb: 'database', rabbitmq: 'messageQueue', redis: 'redis' } as const;
const NAMED_WITHIN_MS = 10_000;
const BACK_WITHIN_MS = 30_000;

/** Each server falls silent in turn: connections stay, nothing answers. */
async function health(world: World) {
  const seen = [await apiHealth(world)];
  const { servers, front } = world.site;
  if (servers === null)
    return { seen: seen.join('; '), open: '503 when a dependency is away: measured by --target cluster on one of its own' };
  for (const name of ['redis', 'rabbitmq', 'mongodb'] as const) {
    world.atEnd(() => servers[name].resume());
    const since = performance.now();
    await servers[name].pause();
    await world.until(
      `${front}/health to be 503 and name the ${PART[name]}`,
      async () => {
        const { status, body } = await world.call(`${front}/health`);
        return status === 503 && body?.[PART[name]] === 'disconnected';
      },
      NAMED_WITHIN_MS,
    );
    seen.push(`without ${name} 503 after ${Math.round(performance.now() - since)} ms`);
    await servers[name].resume();
    await world.until('healthy again', async () => (await world.call(`${front}/health`)).status === 200, BACK_WITHIN_MS);
  }
  return seen.join('; ');
}

async function liveAndReady(world: World): Promise<string> {
  const words = { '/livez': 'live', '/health/live': 'live', '/readyz': 'ready', '/health/ready': 'ready' };
  for (const origin of processes(world)) {
    for (const [path, status] of Object.entries(words)) same((await world.expect(200, origin + path)).body, { status }, origin + path);
  }
  const server = await world.server({ ENABLE_STREAM_CONSUMERS: 'true', DRAIN_TIMEOUT_MS: '5000' });
  same((await world.expect(200, `${server.url}/readyz`)).body, { status: 'ready' }, 'a server of its own');
  const to = { channels: ['webhook'], to: { webhook: `${server.url}/sink/webhook/slow` } };
  const script = { channel: 'webhook', name: 'slow', steps: [{ do: 'delay', delayMs: 2_000 }] };
  await world.expect(200, `${server.url}/sink/behaviour`, { method: 'PUT', body: script });
  const id = await accept(world, to, server.url);
  await reaches(world, id, 'processing', undefined, server.url);
  const ended = server.stop();
  // A connection that is kept shows the drain; a new one may be refused already, which a balancer understands as well.
  const during = await world.until('/readyz of a draining process to be 503 or refused', async () => {
    const said = await world.call(`${server.url}/readyz`).then(
      ({ status }) => String(status),
      () => 'refused',
    );
    return said === '503' || said === 'refused' ? said : null;
  });
  const { code } = await ended;
  same(code, 0, 'the exit code of a drained process');
  return `${processes(world).length} processes live and ready; while draining ${during}`;
}

async function resourcesSay(world: World): Promise<string> {
  for (const origin of processes(world)) {
    const { cpu, memory, eventLoop, database, queue } = await resources(world, origin);
    numbers(cpu, 'cpu');
    numbers(memory, 'memory', 1);
    numbers(eventLoop, 'eventLoop');
    numbers({ open: database.open, inUse: database.inUse, limit: database.limit }, 'database');
    numbers({ depth: queue.depth, unacked: queue.unacked, consumers: queue.consumers }, 'queue');
    hold(queue.consumers >= 1, 'somebody who consumes', queue);
  }
  return `CPU, memory, event loop, connections and queue of ${processes(world).length} processes`;
}

async function root(world: World): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(world.root, 'package.json'), 'utf8')) as { version: string };
  for (const origin of fronts(world)) {
    const { body } = await world.expect<{ name: string; version: string; links: Record<string, string> }>(200, `${origin}/`);
    same({ name: body.name, version: body.version }, { name: 'signalbox', version }, `name and version at ${origin}/`);
    const links = Object.values(body.links ?? {}).filter((link) => !link.startsWith('/metrics'));
    hold(links.length > 0, 'links', body);
    for (const link of links) await world.expect(200, `${world.site.apis[0]}${link}`);
  }
  return `signalbox ${version}, and its links lead somewhere`;
}

interface Problem {
  readonly code?: string;
  readonly errors?: readonly { readonly pointer: string }[];
}

async function postNotification(world: World): Promise<string> {
  const key = fresh('key');
  const body = request({ idempotencyKey: key, priority: 'urgent' });
  const first = await world.expect<Accepted>(202, NOTIFICATIONS, { method: 'POST', body });
  hold(first.headers.get('location')?.endsWith(first.body.notificationId) === true, 'Location to name it', first.headers.get('location'));
  const again = await world.expect<Accepted>(200, NOTIFICATIONS, { method: 'POST', body });
  same(again.body, { ...first.body, idempotentHit: true }, 'the answer to a repeat');
  same(again.headers.get('idempotency-replayed'), 'true', 'the header Idempotency-Replayed');
  await world.expect(422, NOTIFICATIONS, { method: 'POST', body: { ...body, body: 'Something else' } });
  const header = fresh('key');
  const byHeader = { method: 'POST', body: request(), headers: { 'idempotency-key': header } };
  const one = await world.expect<Accepted>(202, NOTIFICATIONS, byHeader);
  const two = await world.expect<Accepted>(200, NOTIFICATIONS, byHeader);
  same(two.body.notificationId, one.body.notificationId, 'the id under one Idempotency-Key');
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const scheduled = await world.expect<Accepted>(202, NOTIFICATIONS, { method: 'POST', body: request({ scheduledFor: later }) });
  same(scheduled.body.status, 'scheduled', 'the status of one for later');
  await world.expect(200, `${NOTIFICATIONS}/${scheduled.body.notificationId}/cancel`, { method: 'POST' });
  const wrong = await world.expect<Problem>(400, NOTIFICATIONS, { method: 'POST', body: request({ channels: ['pigeon'] }) });
  hold(wrong.body.errors?.some(({ pointer }) => pointer.startsWith('/channels')) === true, 'the problem to name /channels', wrong.body);
  return '202 with id, repeat 200 with the same id, other content 422, scheduled, urgent, unknown channel 400';
}

async function readNotification(world: World): Promise<string> {
  const id = await accept(world);
  const told = await reaches(world, id, 'delivered');
  const { body } = await world.expect<{ readonly data: readonly object[] }>(200, `${NOTIFICATIONS}/${id}/deliveries`);
  same(body.data.length, 1, 'the deliveries of one channel');
  const [first] = told.deliveries;
  const [attempt] = first?.attempts ?? [];
  hold(attempt !== undefined && attempt.result === 'delivered', 'an attempt with its result', told);
  for (const at of [told.acceptedAt, attempt.startedAt, attempt.endedAt, first?.settledAt])
    hold(!Number.isNaN(Date.parse(at ?? '')), 'time stamps', told);
  hold(attempt.worker !== '' && first?.channel === 'in-app', 'worker and channel', told);
  await world.expect(404, `${NOTIFICATIONS}/00000000-0000-7000-8000-000000000000`);
  return `state, attempt by ${attempt.worker}, channel, time stamps; an unknown id is 404`;
}

async function preferences(world: World): Promise<string> {
  const path = `/api/v1/users/${fresh('person')}/preferences`;
  const choices = {
    channels: { email: true },
    categories: { marketing: { email: false } },
    quietHours: { start: '22:00', end: '07:00', timeZone: 'Europe/Lisbon', days: ['mon', 'sun'] },
  };
  await world.expect(200, path, { method: 'PUT', body: { contacts: { email: 'ada@example.org' }, ...choices } });
  const { body, headers } = await world.expect<typeof choices>(200, path);
  const { channels, categories, quietHours } = body;
  same({ channels, categories, quietHours }, choices, 'what was put');
  hold(/^"\d+"$/.test(headers.get('etag') ?? ''), 'an ETag', headers.get('etag'));
  await world.expect(412, path, { method: 'PUT', body: choices, headers: { 'if-match': '"999"' } });
  await world.expect(400, path, { method: 'PUT', body: { quietHours: { start: '22:00', end: '07:00', timeZone: 'Mars/Olympus' } } });
  return 'channels, categories, quiet hours and zone come back as put; stale If-Match 412, unknown zone 400';
}

async function burst(world: World): Promise<Finding> {
  return { seen: await headersAndPolicy(world), open: 'limits of a tenant and of an address: npm test -- tests/e2e/identity' };
}

async function headersAndPolicy(world: World): Promise<string> {
  const { status, headers } = await world.call(NOTIFICATIONS);
  hold(status === 200 || status === 429, 'the list', status);
  const policy = headers.get('ratelimit-policy');
  // For development there is none.
  if (world.site.target === 'compose' && policy !== null) {
    const left = (answer: Headers): number => Number(/r=(\d+)/.exec(answer.get('ratelimit') ?? '')?.[1]);
    const second = await world.call(`${world.site.apis[0]}${NOTIFICATIONS}`);
    const third = await world.call(`${world.site.apis[0]}${NOTIFICATIONS}`);
    hold(left(third.headers) < left(second.headers), 'what is left to fall with each request', third.headers.get('ratelimit'));
  }
  const limited = await world.server({ RATE_LIMIT_PER_MINUTE: '5' });
  const codes: number[] = [];
  let retryAfter: string | null = null;
  for (let n = 0; n < 8; n += 1) {
    const answer = await world.call(`${limited.url}${NOTIFICATIONS}`, { method: 'POST', body: request() });
    codes.push(answer.status);
    if (answer.status === 429) retryAfter ??= answer.headers.get('retry-after');
  }
  same(codes, [202, 202, 202, 202, 202, 429, 429, 429], 'eight requests at a limit of five');
  hold(Number(retryAfter) > 0, 'Retry-After', retryAfter);
  return `policy here: ${policy ?? 'none'}; a server of its own with a limit of 5: five accepted, then 429 with Retry-After ${retryAfter}`;
}

const SECURITY_HEADERS = [
  'content-security-policy',
  'x-content-type-options',
  'x-frame-options',
  'strict-transport-security',
  'referrer-policy',
];

async function corsAndHeaders(world: World): Promise<string> {
  const { headers } = await world.call('/');
  for (const name of SECURITY_HEADERS) hold(headers.has(name), `the header ${name}`, [...headers.keys()].join(', '));
  hold(!headers.has('x-powered-by'), 'no x-powered-by', headers.get('x-powered-by'));
  const origin = 'https://elsewhere.example';
  const stranger = await world.call(NOTIFICATIONS, { headers: { origin } });
  const allowed = stranger.headers.get('access-control-allow-origin');
  hold(allowed !== origin && allowed !== '*', 'an unknown origin not to be allowed', allowed);
  const server = await world.server({ CORS_ORIGINS: 'https://app.example' });
  const known = await world.call(`${server.url}${NOTIFICATIONS}`, { headers: { origin: 'https://app.example' } });
  same(known.headers.get('access-control-allow-origin'), 'https://app.example', 'an origin of the list');
  const other = await world.call(`${server.url}${NOTIFICATIONS}`, { headers: { origin } });
  hold(other.headers.get('access-control-allow-origin') !== origin, 'an origin that is not on the list to be refused', origin);
  return `${SECURITY_HEADERS.length} security headers; unknown origins are not allowed, those of CORS_ORIGINS are`;
}

const DOCUMENTS = ['/docs', '/api-docs', '/openapi.json', '/swagger'];

/** The parts, and that nobody is shown documents meanwhile. */
async function guarded(world: World): Promise<Finding> {
  const parts = [await headersAndPolicy(world), await corsAndHeaders(world)];
  for (const path of DOCUMENTS) same((await world.call(path)).status, 404, `the status of ${path}`);
  return { seen: `${parts.join('; ')}; no documents are shown`, open: 'restricted documents come with the OpenAPI document' };
}

/** What is asked over HTTP of any process. */
export const ENDPOINTS: readonly Check[] = [
  { id: 'API-01', withinMs: 180_000, disturbs: true, run: health },
  { id: 'API-03', run: liveAndReady },
  { id: 'API-04', run: resourcesSay },
  { id: 'API-05', run: root },
  { id: 'API-08', run: postNotification },
  { id: 'API-09', run: readNotification },
  { id: 'API-10', run: preferences },
  { id: 'API-21', run: burst },
  { id: 'API-22', run: corsAndHeaders },
  { id: 'SEC-05', run: guarded },
];
