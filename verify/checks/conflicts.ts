import { type Check, hold, same } from '../check.js';
import { message } from '../message.js';
import { type Accepted, fresh, NOTIFICATIONS, request } from '../notify.js';
import type { JsonBody, World } from '../world.js';
import { fileIn } from './files.js';
import { judged, refused } from './settings.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  SMTP_URL: 'smtp://mail.example.org',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  LINK_SECRET: 'a-link-secret-that-nobody-else-has-0',
  PUBLIC_URL: 'https://notify.example.org',
};

/** What stands in for a provider, and what everybody knows, is refused in production, and all at once. */
async function strict(): Promise<string> {
  const { config, said } = judged({ NODE_ENV: 'production' });
  same(config, null, 'production without any setting');
  for (const name of ['SMTP_URL', 'WEBHOOK_SECRET', 'LINK_SECRET'])
    hold(
      said.some((line) => line.startsWith(`${name}: `)),
      `${name} named`,
      said,
    );
  refused({ ...PRODUCTION, SINK: 'on' }, /^SINK: /);
  refused({ ...PRODUCTION, CORS_ORIGINS: '*' }, /^CORS_ORIGINS: /);
  return `production alone: ${said.length} complaints at once; a sink or CORS for everybody is refused; development starts`;
}

const LOGINS = {
  MONGODB_URI: 'mongodb://admin:admin@mongodb:27017/notifications',
  RABBITMQ_URL: 'amqp://guest:guest@rabbitmq:5672',
  REDIS_URL: 'redis://root:root@redis:6379',
};

async function knownPasswords() {
  const own = {
    MONGODB_URI: 'mongodb://own:S3cr-et@mongodb/n',
    RABBITMQ_URL: 'amqp://own:S3cr-et@rabbitmq',
    REDIS_URL: 'redis://own:S3cr-et@redis',
  };
  for (const [name, url] of Object.entries(LOGINS)) {
    const line = refused({ ...PRODUCTION, ...own, [name]: url }, new RegExp(`^${name}: has a password that everybody knows`));
    hold(!/admin|guest|root/.test(line), 'a complaint without the password', line);
  }
  const development = judged({ ...LOGINS });
  hold(development.config !== null, 'development to accept them', development.said);
  return {
    seen: 'store, broker and Redis with a well-known password are refused in production and accepted in development',
    open: 'administrator and Grafana: by the setup script of the stack',
  };
}

/** One way of the key, for notifications and for messages: the same answers. */
async function keysOf(world: World, url: string, body: JsonBody, id: string, other: JsonBody): Promise<void> {
  const first = await world.expect<JsonBody>(202, url, { method: 'POST', body });
  const repeat = await world.expect<JsonBody>(200, url, { method: 'POST', body });
  same([first.body['idempotentHit'], repeat.body['idempotentHit']], [false, true], `${url}: idempotentHit of the first and the repeat`);
  same(repeat.body[id], first.body[id], 'the id');
  same(repeat.headers.get('idempotency-replayed'), 'true', 'the header');
  await world.expect(422, url, { method: 'POST', body: { ...body, ...other } });
}

async function keys(world: World): Promise<string> {
  await keysOf(world, NOTIFICATIONS, request({ idempotencyKey: fresh('key') }), 'notificationId', { body: 'Other words' });
  const said = message();
  await keysOf(world, '/api/messages', said, 'messageId', { content: 'Other words' });
  // The client's id is its sender's, in its conversation: of another one it is another message.
  const elsewhere = { ...said, conversationId: fresh('room') };
  await world.expect(202, '/api/messages', { method: 'POST', body: elsewhere });
  return 'notifications and messages: 202 new, 200 repeat, idempotentHit in both, header; other payload 422; clientMessageId is per conversation';
}

async function engines(world: World): Promise<string> {
  const { engines } = JSON.parse(fileIn(world, 'package.json')) as { engines?: { node?: string } };
  const wanted = engines?.node ?? '';
  const least = Number(/>=\s*(\d+)/.exec(wanted)?.[1]);
  hold(least >= 20, 'engines.node of 20 at least', wanted);
  hold(Number(process.versions.node.split('.')[0]) >= least, `Node ${wanted}`, process.version);
  return `engines ${wanted}; this is ${process.version}`;
}

async function packages(world: World): Promise<string> {
  const { dependencies, scripts } = JSON.parse(fileIn(world, 'package.json')) as Record<'dependencies' | 'scripts', Record<string, string>>;
  for (const name of ['ioredis', 'prom-client'])
    hold(dependencies[name] !== undefined, `${name} among the dependencies`, Object.keys(dependencies));
  hold(scripts['load-test'] !== undefined, 'a load-testing tool', Object.keys(scripts));
  const id = await world.expect<Accepted>(202, NOTIFICATIONS, { method: 'POST', body: request() });
  hold(/^[0-9a-f-]{36}$/.test(id.body.notificationId), 'ids that are UUIDs, without a package for them', id.body);
  return `ioredis ${dependencies['ioredis']}, prom-client ${dependencies['prom-client']}, npm run load-test; UUIDs are made here`;
}

/** Where checklists contradict each other or reality, and what was decided. */
export const CONFLICTS: readonly Check[] = [
  { id: 'ENV-26', run: strict },
  { id: 'SEC-01', run: knownPasswords },
  { id: 'X-38', run: knownPasswords },
  { id: 'X-21', run: keys },
  { id: 'X-22', run: keys },
  { id: 'X-36', run: engines },
  { id: 'QLT-04', run: engines },
  { id: 'QLT-05', run: packages },
];
