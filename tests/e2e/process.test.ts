import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type Json, notification } from '../support/app.js';
import { type ServerOptions, type ServerProcess, startServer } from '../support/server-process.js';

const ROOT = resolve('.');
const run = promisify(execFile);

interface Failed {
  readonly code: number;
  readonly stderr: string;
}

/** Runs the server with these settings and nothing else, expecting it to end by itself. */
async function failToStart(settings: Readonly<Record<string, string>>): Promise<Failed> {
  try {
    await run(process.execPath, [join(ROOT, 'dist/main.js')], { cwd: tmpdir(), env: { NODE_ENV: 'test', ...settings }, timeout: 20_000 });
  } catch (error) {
    return error as Failed;
  }
  throw new Error('it started');
}

async function post(server: ServerProcess, body: Json): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${server.url}/api/v1/notifications`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

async function get(server: ServerProcess, path: string): Promise<{ status: number; body: Json }> {
  const response = await fetch(server.url + path);
  return { status: response.status, body: (await response.json()) as Json };
}

const started: ServerProcess[] = [];

/** Started here, and ended here even when a test fails half way. */
async function start(settings: Readonly<Record<string, string>>, more: Partial<ServerOptions> = {}): Promise<ServerProcess> {
  const server = await startServer({ directory: ROOT, settings, ...more });
  started.push(server);
  return server;
}

const delivered = (server: ServerProcess, id: unknown): Promise<Json> =>
  eventually(async () => {
    const { body } = await get(server, `/api/v1/notifications/${String(id)}`);
    return body['status'] === 'delivered' ? body : null;
  }, 20_000);

describe('The server as a process', () => {
  let directory: string;
  beforeAll(async () => {
    await run(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT });
    directory = await mkdtemp(join(tmpdir(), 'signalbox-process-'));
  });
  afterAll(async () => {
    for (const server of started) if (server.running) await server.kill();
    await rm(directory, { recursive: true, force: true });
  });

  it('says in one line that its port is taken, and ends with 1', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const port = String((other.address() as AddressInfo).port);
    const failed = await failToStart({ SERVER_PORT: port, DATA_DIR: join(directory, 'taken') });
    await new Promise((done) => other.close(done));
    expect(failed.stderr).toBe(`signalbox: port ${port} on 127.0.0.1 is taken: set SERVER_PORT to a free one\n`);
    expect(failed.code).toBe(1);
  });

  it('says in one line that DATA_DIR cannot be written, and ends with 1', async () => {
    const file = join(directory, 'a-file');
    await writeFile(file, '');
    const failed = await failToStart({ SERVER_PORT: '0', DATA_DIR: join(file, 'data') });
    expect(failed.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(failed.stderr).toContain(file);
    expect(failed.code).toBe(1);
  });

  it('says all that is wrong with its settings at once, a line each, and ends with 2 before it listens', async () => {
    const failed = await failToStart({ SERVER_PORT: 'abc', LEASE_MS: '-1', LOG_LEVEL: 'loud', DATABASE_URL: 'postgres://u:secret@h/db' });
    const lines = failed.stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const name of ['SERVER_PORT', 'LEASE_MS', 'LOG_LEVEL', 'DATABASE_URL']) expect(failed.stderr).toContain(name);
    expect(failed.stderr).not.toContain('secret');
    expect(failed.code).toBe(2);
  });

  it('refuses in production what is only for development', async () => {
    const failed = await failToStart({ NODE_ENV: 'production', DATA_DIR: join(directory, 'prod'), SINK: 'on' });
    expect(failed.code).toBe(2);
    for (const name of ['SINK', 'SMTP_URL', 'WEBHOOK_SECRET', 'LINK_SECRET']) expect(failed.stderr).toContain(name);
  });

  it('refuses a second process on the same data, and leaves the first in peace', async () => {
    const dataDir = join(directory, 'shared');
    const first = await start({ DATA_DIR: dataDir });
    const failed = await failToStart({ SERVER_PORT: '0', DATA_DIR: dataDir });
    expect([failed.code, failed.stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
    expect(failed.stderr).toContain('process');
    expect((await get(first, '/health')).status).toBe(200);
    await first.stop();
  });

  it('keeps what it accepted through kill -9: scheduled, waiting and delivered, each once', async () => {
    const settings = { DATA_DIR: join(directory, 'killed'), POLL_INTERVAL_MS: '60000', LEASE_MS: '3000', SEND_TIMEOUT_MS: '2000' };
    const first = await start(settings);
    const done = await post(first, notification({ idempotencyKey: 'before' }));
    await delivered(first, done.body['notificationId']);
    const scheduledFor = new Date(Date.now() + 2000).toISOString();
    const later = await post(first, notification({ idempotencyKey: 'later', scheduledFor }));
    await first.kill();

    const second = await start(settings);
    const repeat = await post(second, notification({ idempotencyKey: 'before' }));
    expect([repeat.status, repeat.body['notificationId']]).toEqual([200, done.body['notificationId']]);
    await delivered(second, later.body['notificationId']);
    const { body } = await get(second, `/sink/deliveries?channel=email`);
    expect((body['arrivals'] as unknown[]).length).toBe(1);
    await second.stop();
  });

  it('drains on SIGTERM: what is under way ends, the exit code is 0, and the log says so', async () => {
    const server = await start({ DATA_DIR: join(directory, 'drained') });
    const slow = { channel: 'email', steps: [{ do: 'delay', delayMs: 500 }] };
    await fetch(`${server.url}/sink/behaviour`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(slow),
    });
    const { body } = await post(server, notification());
    await eventually(
      async () => (await get(server, `/api/v1/notifications/${String(body['notificationId'])}`)).body['status'] === 'processing',
    );
    const ended = await server.stop();
    expect([ended.code, ended.signal]).toEqual([0, null]);
    expect(server.tail()).toContain('delivery delivered');
    expect(server.tail()).toContain('"msg":"drained"');
  });

  it('drains also under sockets that say nothing, or half a request', async () => {
    const server = await start({ DATA_DIR: join(directory, 'silent') });
    const { port } = new URL(server.url);
    const sockets = [connect(Number(port), '127.0.0.1'), connect(Number(port), '127.0.0.1')];
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      await new Promise((connected) => socket.once('connect', connected));
    }
    sockets[1]?.write('POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n{');
    await get(server, '/livez');
    const ended = await server.stop();
    for (const socket of sockets) socket.destroy();
    expect([ended.code, ended.signal]).toEqual([0, null]);
  });

  it('ends by force on a second signal, and within DRAIN_TIMEOUT_MS when a provider hangs', async () => {
    const hang = async (server: ServerProcess): Promise<void> => {
      const body = JSON.stringify({ steps: [{ do: 'hang' }] });
      await fetch(`${server.url}/sink/behaviour`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
      const { body: accepted } = await post(server, notification());
      await eventually(
        async () => (await get(server, `/api/v1/notifications/${String(accepted['notificationId'])}`)).body['status'] === 'processing',
      );
    };
    const forced = await start({ DATA_DIR: join(directory, 'forced') });
    await hang(forced);
    process.kill(forced.pid, 'SIGTERM');
    await eventually(async () => (await get(forced, '/readyz')).status === 503);
    process.kill(forced.pid, 'SIGTERM');
    expect((await forced.ended).code).toBe(1);

    const patient = await start({ DATA_DIR: join(directory, 'patient'), DRAIN_TIMEOUT_MS: '1500' });
    await hang(patient);
    const startedAt = performance.now();
    const ended = await patient.stop();
    expect(ended.code).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(patient.tail()).toContain('delivery held');
  });

  it('writes its log as JSON lines, and never a recipient, a subject, a body or a secret', async () => {
    const logFile = join(directory, 'log.ndjson');
    const server = await start({ DATA_DIR: join(directory, 'logged'), LOG_LEVEL: 'trace' }, { logFile });
    const canaries = { email: 'canary-mail@example.org', subject: 'canary-subject', body: 'canary-body', data: 'canary-data' };
    const { body } = await post(
      server,
      notification({ to: { email: canaries.email }, subject: canaries.subject, body: canaries.body, data: { x: canaries.data } }),
    );
    await delivered(server, body['notificationId']);
    await post(server, notification({ to: { email: `not-valid-${canaries.email}@@` } }));
    const seen = server.tail();
    await server.stop();
    expect(seen).toContain('delivery delivered');
    for (const line of seen.split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
    for (const canary of Object.values(canaries)) expect(seen).not.toContain(canary);
  });
});
