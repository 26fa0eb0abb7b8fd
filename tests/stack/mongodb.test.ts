import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const MONGOSH = resolve('tests/support/stand-ins/images/mongo/mongosh');
/** Of the container, as its own name leads to it. */
const OWN_ADDRESS = '127.0.0.2';

/** The check as the engine runs it in the container: what compose makes of two dollars is one. */
function probe(): readonly [kind: string, command: string] {
  const { services } = parse(readFileSync('docker/compose.base.yml', 'utf8'), { merge: true });
  const [kind, command] = services.mongodb.healthcheck.test;
  return [kind, command.replaceAll('$$', '$')];
}

/** Answers whatever it is asked with the head of a message. */
async function listening(host: string): Promise<Server> {
  const server = createServer((socket) => socket.once('data', () => socket.end(Buffer.alloc(16))));
  await new Promise<void>((done) => server.listen(0, host, done));
  return server;
}

describe('The health check of mongodb', () => {
  let bin: string;
  beforeEach(() => {
    bin = mkdtempSync(join(tmpdir(), 'signalbox-mongosh-'));
  });
  afterEach(() => rmSync(bin, { recursive: true, force: true }));

  /** Its exit code where a server listens on this address. */
  async function judged(host: string): Promise<number> {
    const server = await listening(host);
    const command = (name: string, text: string): void => writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    command('hostname', `echo ${OWN_ADDRESS}`);
    command('mongosh', `exec ${MONGOSH} --port ${(server.address() as AddressInfo).port} "$@"`);
    const env = { PATH: `${bin}:${process.env['PATH']}` };
    try {
      return await new Promise((done) => execFile('sh', ['-c', probe()[1]], { env }, (error) => done(Number(error?.code ?? 0))));
    } finally {
      server.close();
    }
  }

  it('is run by a shell, which asks for the name of the container', () => {
    expect(probe()).toEqual(['CMD-SHELL', expect.stringContaining('--host "$(hostname)"')]);
  });

  it('finds a server well that others can reach', async () => {
    expect(await judged(OWN_ADDRESS)).toBe(0);
  });

  it('is not taken in by the server for the first user, which the image runs on 127.0.0.1 alone', async () => {
    expect(await judged('127.0.0.1')).toBe(1);
  });
});
