import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { handshake } from '../../verify/checks/security.js';
import { lyingWorld } from './lying-world.js';

let directory: string;
let key: Buffer;
let cert: Buffer;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-tls-'));
  const files = ['-keyout', join(directory, 'key'), '-out', join(directory, 'cert')];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=localhost',
  ];
  execFileSync('openssl', [...request, ...files], { stdio: 'ignore' });
  [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(directory, name))) as [Buffer, Buffer];
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What three handshakes with a server end in that speaks nothing below this version. */
async function against(minVersion: SecureVersion): Promise<readonly string[]> {
  const server = createServer({ key, cert, minVersion, ciphers: 'DEFAULT@SECLEVEL=0' }).on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { means } = await lyingWorld('compose').then(async (world) => {
    await world.end();
    return world;
  });
  const where = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const world = { means: { ...means, patience: 1 }, note: () => undefined };
  try {
    const said: string[] = [];
    for (const most of ['TLSv1.3', 'TLSv1.2', 'TLSv1.1'] as const) said.push(await handshake(world, where, most));
    return said;
  } finally {
    server.close();
    await once(server, 'close');
  }
}

describe('A handshake', () => {
  test('says which version was agreed on, or why none was', async () => {
    const [newest, newer, old] = await against('TLSv1.2');
    expect([newest, newer]).toEqual(['TLSv1.3', 'TLSv1.2']);
    expect(old).toMatch(/alert|version/i);
  });

  test('with an old version comes about where the server takes it: it is not we who refuse', async () => {
    expect(await against('TLSv1')).toEqual(['TLSv1.3', 'TLSv1.2', 'TLSv1.1']);
  });
});
