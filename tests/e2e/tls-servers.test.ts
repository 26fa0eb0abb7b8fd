import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { databaseOn } from '../adapters/mongo-harness.js';
import { eventually, notification } from '../support/app.js';
import { type FrozenBuild, freezeBuild } from '../support/frozen-build.js';
import { startServer } from '../support/server-process.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';

const [mongodb, rabbitmq, redis] = await Promise.all([serverOrSkip('mongodb'), serverOrSkip('rabbitmq'), serverOrSkip('redis')]);

/** The same server for who speaks TLS 1.2 or newer, as one would be that was set up so. */
interface Encrypted {
  readonly server: NetServer;
  readonly port: number;
  /** Handshakes that came about. */
  secured(): number;
}

describeWith(mongodb, 'With TLS to MongoDB', (mongo) => {
  describeWith(rabbitmq, 'RabbitMQ', (rabbit) => {
    describeWith(redis, 'and Redis', (store) => {
      let directory: string;
      let build: FrozenBuild;
      let ways: Readonly<Record<'mongodb' | 'rabbitmq' | 'redis', Encrypted>>;
      let settings: Readonly<Record<string, string>>;
      let authority: string;

      beforeAll(async () => {
        directory = await mkdtemp(join(tmpdir(), 'signalbox-tls-'));
        build = await freezeBuild();
        authority = join(directory, 'cert.pem');
        certify(directory);
        const [key, cert] = await Promise.all([readFile(join(directory, 'key.pem')), readFile(authority)]);
        const way = (uri: string): Promise<Encrypted> => encrypted(new URL(uri), key, cert);
        ways = { mongodb: await way(mongo.uri), rabbitmq: await way(rabbit.uri), redis: await way(store.uri) };
        settings = {
          MONGODB_URI: over('mongodb', databaseOn(mongo.uri), ways.mongodb, 'tls=true'),
          RABBITMQ_URL: over('amqps', rabbit.uri, ways.rabbitmq),
          RABBITMQ_CONSUMER_GROUP: `test-${randomUUID()}`,
          REDIS_URL: over('rediss', store.uri, ways.redis),
          REDIS_KEY_PREFIX: `test-${randomUUID().slice(0, 8)}:`,
          JWT_SECRET: 'x'.repeat(40),
          MIGRATE_AT_START: 'true',
          SINK: 'on',
        };
      }, 120_000);

      afterAll(async () => {
        for (const { server } of Object.values(ways ?? {})) server.close();
        await build?.remove();
        await rm(directory, { recursive: true, force: true });
      });

      test('a notification and a message go all the way through connections that nobody can read', async () => {
        const server = await startServer({ directory: build.directory, settings: { ...settings, NODE_EXTRA_CA_CERTS: authority } });
        try {
          const ask = async (path: string, body?: object): Promise<Record<string, unknown>> => {
            const headers = { 'content-type': 'application/json' };
            const init = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) };
            return (await (await fetch(server.url + path, init)).json()) as Record<string, unknown>;
          };
          const { notificationId } = await ask('/api/v1/notifications', notification());
          const message = {
            conversationId: 'c',
            senderId: 'ada',
            clientMessageId: 'm',
            contentType: 'text',
            content: 'Hi',
            recipientIds: [],
          };
          const { messageId } = await ask('/api/v1/messages', message);
          await eventually(async () => {
            const { status } = await ask(`/api/v1/notifications/${String(notificationId)}`);
            const { state } = await ask(`/api/v1/messages/${String(messageId)}`);
            return status === 'delivered' && state === 'persisted';
          }, 20_000);
          expect(Object.values(ways).map((way) => way.secured() > 0)).toEqual([true, true, true]);
        } finally {
          await server.stop();
        }
      }, 60_000);

      test('a server whose certificate nobody vouches for is not talked to', async () => {
        const before = ways.mongodb.secured();
        await expect(startServer({ directory: build.directory, settings })).rejects.toThrow(/MongoDB/);
        expect(ways.mongodb.secured()).toBe(before);
      }, 60_000);
    });
  });
});

function certify(directory: string): void {
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...names, ...files], { stdio: 'pipe' });
}

async function encrypted(plain: URL, key: Buffer, cert: Buffer): Promise<Encrypted> {
  let secured = 0;
  const server = createServer({ key, cert, minVersion: 'TLSv1.2' }, (client) => {
    const behind = connect(Number(plain.port), plain.hostname);
    client.pipe(behind).pipe(client);
    client.on('error', () => behind.destroy());
    behind.on('error', () => client.destroy());
    // What a client refuses it closes before it says anything.
    client.once('data', () => {
      secured += 1;
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, secured: () => secured };
}

function over(scheme: string, uri: string, { port }: Encrypted, query = ''): string {
  const url = new URL(uri);
  const user = url.username === '' ? '' : `${url.username}:${url.password}@`;
  const search = [url.search.slice(1), query].filter((part) => part !== '').join('&');
  return `${scheme}://${user}localhost:${port}${url.pathname}${search === '' ? '' : `?${search}`}`;
}
