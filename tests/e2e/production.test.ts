import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { type ServerProcess, startServer } from '../support/server-process.js';
import { ADMIN, bearer } from './keyed.js';

const ROOT = resolve('.');
const PRODUCTION = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  SMTP_URL: 'smtp://127.0.0.1:9',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  LINK_SECRET: 'l'.repeat(32),
  PUBLIC_URL: 'https://notify.example.org',
  ADMIN_API_KEY: ADMIN,
};
const ASKS_NOBODY = 'asks nobody for a key';

let directory: string;
beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: ROOT });
  directory = mkdtempSync(join(tmpdir(), 'signalbox-production-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function withServer(settings: Readonly<Record<string, string>>, use: (server: ServerProcess) => Promise<void>): Promise<void> {
  const server = await startServer({ directory: ROOT, settings: { DATA_DIR: join(directory, 'data'), ...settings } });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

const status = async (server: ServerProcess, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
  (await fetch(`${server.url}/api/v1/notifications`, { headers })).status;

it('In production a call without a key is 401, and nothing that was shown stands in the log', async () => {
  await withServer(PRODUCTION, async (server) => {
    expect([await status(server), await status(server, bearer('wrong-and-never-shown')), await status(server, bearer(ADMIN))]).toEqual([
      401, 401, 200,
    ]);
    expect(server.tail()).not.toMatch(new RegExp(`${ASKS_NOBODY}|never-shown|${ADMIN}`));
  });
});

it('One process without a secret for tokens makes one, for its owner alone, and keeps it over a restart', async () => {
  const file = join(directory, 'data', 'jwt-secret');
  let token = '';
  await withServer(PRODUCTION, async (server) => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    token = await new SignJWT({ sub: 'ada', tenant: 'shop', scope: 'read', aud: 'signalbox' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(readFileSync(file, 'utf8').trim()));
    expect(await status(server, bearer(token))).toBe(200);
  });
  await withServer(PRODUCTION, async (server) => expect(await status(server, bearer(token))).toBe(200));
});

it('In development on loopback none is asked for, and the log says so once', async () => {
  await withServer({ NODE_ENV: 'development' }, async (server) => {
    expect(await status(server)).toBe(200);
    expect(server.tail().split(ASKS_NOBODY)).toHaveLength(2);
  });
  await withServer({ NODE_ENV: 'development', HOST: '0.0.0.0' }, async (server) => expect(await status(server)).toBe(401));
});
