import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { configCheck } from '../../src/cli/config-check.js';
import { withEnvFile } from '../../src/config/env-file.js';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-check-'));
afterAll(() => rmSync(directory, { recursive: true }));

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A listener that says `greeting` to whoever connects; gives its port. */
async function listening(greeting: string): Promise<number> {
  const server = createServer((socket) => socket.end(greeting));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function check(env: NodeJS.ProcessEnv, ...argv: string[]) {
  let text = '';
  const code = await configCheck(argv, withEnvFile(env, directory), (part) => {
    text += part;
  });
  return { code, text };
}

async function checkJson(env: NodeJS.ProcessEnv, ...argv: string[]) {
  const { code, text } = await check(env, '--json', ...argv);
  return { code, report: JSON.parse(text) };
}

describe('config:check', () => {
  test('shows source, value and verdict of every setting and ends with 0 when all is well', async () => {
    writeFileSync(join(directory, '.env'), 'LOG_LEVEL=warn\nSERVR_PORT=1\n');
    const { code, report } = await checkJson({ LEASE_MS: '20000' });
    rmSync(join(directory, '.env'));
    expect(code).toBe(0);
    expect(report.settings).toEqual(
      expect.arrayContaining([
        { name: 'LOG_LEVEL', source: '.env', value: 'warn', verdict: 'ok', detail: '' },
        { name: 'LEASE_MS', source: 'environment', value: '20000', verdict: 'ok', detail: '' },
        { name: 'SERVER_PORT', source: 'default', value: '3000', verdict: 'ok', detail: '' },
      ]),
    );
    expect(report.unknown).toEqual(['SERVR_PORT']);
  });

  test('ends with 2 and says what to do when something is wrong', async () => {
    const { code, text } = await check({ LEASE_MS: 'x', REDIS_URL: 'redis://:hunter2@h', WORKER_CONCURRENCY: '5' }, '--probe');
    expect(code).toBe(2);
    expect(text).toMatch(/^LEASE_MS +environment +x +error: "x" is not a whole number/m);
    expect(text).toMatch(/^REDIS_URL +environment +redis:\/\/\*\*\*@h +error: is what processes share/m);
    expect(text).toMatch(/^WORKER_CONCURRENCY +environment +5 +warning: is set but has no effect/m);
    expect(text).toContain('2 things are wrong');
  });

  test('shows no secret', async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const keys = { ADMIN_API_KEY: 'hunter2'.repeat(8), JWT_SECRET: 'hunter2'.repeat(8), RABBITMQ_PASSWORD: 'hunter2' };
    const env = { SMTP_URL: 'smtp://relay:hunter2@mail.example.org:25', WEBHOOK_SECRET: secret, METRICS_TOKEN: 'hunter2-hunter2', ...keys };
    const { text } = await check(env);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(secret);
    expect(text).toContain('smtp://***@mail.example.org:25');
  });

  test('explains itself, and ends with 2 when it is not understood', async () => {
    expect(await check({}, '--help')).toMatchObject({ code: 0, text: expect.stringContaining('Usage:') });
    expect(await check({}, '--prob')).toMatchObject({ code: 2, text: expect.stringContaining('does not know --prob') });
  });
});

describe('config:check --probe', () => {
  test('tries the data directory without leaving anything there', async () => {
    const { code, report } = await checkJson({ DATA_DIR: directory, SERVER_PORT: '0' }, '--probe');
    expect(code).toBe(0);
    expect(report.probes[0]).toEqual({ name: 'data directory', ok: true, detail: `${directory} can be written` });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('makes no directory that is not there, and complains of one that is a file', async () => {
    const missing = join(directory, 'a/b');
    const { report } = await checkJson({ DATA_DIR: missing, SERVER_PORT: '0' }, '--probe');
    expect(report.probes[0]).toMatchObject({ ok: true, detail: `${missing} can be made in ${directory}` });
    expect(readdirSync(directory)).toEqual([]);
    expect(await check({ DATA_DIR: 'package.json', SERVER_PORT: '0' }, '--probe')).toMatchObject({ code: 2 });
  });

  test('waits for the greeting of the mail relay', async () => {
    const port = await listening('220 ready\r\n');
    const { code, report } = await checkJson({ SMTP_URL: `smtp://127.0.0.1:${port}`, SERVER_PORT: '0' }, '--probe');
    expect(code).toBe(0);
    expect(report.probes[1]).toMatchObject({ name: 'mail relay', ok: true });
  });

  test('does not take another server for a mail relay', async () => {
    const port = await listening('HTTP/1.1 400 Bad Request\r\n\r\n');
    const { code, text } = await check({ SMTP_URL: `smtp://127.0.0.1:${port}`, SERVER_PORT: '0' }, '--probe');
    expect(code).toBe(2);
    expect(text).toContain('probe mail relay: error: greets with "HTTP/1.1 400');
  });

  test('says that a port is taken by a stranger', async () => {
    const port = await listening('not http');
    const { code, text } = await check({ SERVER_PORT: String(port) }, '--probe');
    expect(code).toBe(2);
    expect(text).toMatch(/probe API port: error: .*EADDRINUSE/);
  });
});
