import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { pause } from '../support/servers/processes.js';
import { describeWith, serverOrSkip, startOwn } from '../support/servers/servers.js';

const OWNER = join(import.meta.dirname, 'owner.ts');
const redis = await serverOrSkip('redis');
const place = mkdtempSync(join(tmpdir(), 'signalbox-servers-'));
const leftovers: ChildProcess[] = [];
afterAll(() => {
  for (const child of leftovers) child.kill('SIGKILL');
  rmSync(place, { recursive: true, force: true });
});

describeWith(redis, 'servers', (shared) => {
  test('a shared one answers, and is the same for whoever asks', async () => {
    const client = new Redis(shared.uri);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
    expect(await serverOrSkip('redis')).toEqual({ server: shared });
  });

  test('one of our own is killed, started again on its port, and has kept what it had acknowledged', async () => {
    const own = await startOwn('redis');
    await said(own.uri, (client) => client.set('kept', 'yes'));
    await own.kill();
    expect(own.running).toBe(false);
    expect(await own.pids()).toEqual([]);
    await expect(own.ping()).rejects.toThrow();
    await own.start();
    expect(await said(own.uri, (client) => client.get('kept'))).toBe('yes');
    await own.dispose();
    expect(existsSync(own.dataDir)).toBe(false);
  });

  test('one that is paused does not answer, and answers what it was asked once it is resumed', async () => {
    const own = await startOwn('redis');
    await own.pause();
    let answered = false;
    const ping = own.ping().then(() => {
      answered = true;
    });
    for (const pid of await own.pids()) expect(stateOf(pid)).toBe('T');
    expect(answered).toBe(false);
    await own.resume();
    await ping;
    await own.dispose();
  });

  test('two at once have ports and data of their own', async () => {
    const [one, other] = await Promise.all([startOwn('redis'), startOwn('redis')]);
    await said(one.uri, (client) => client.set('mine', '1'));
    expect(await said(other.uri, (client) => client.get('mine'))).toBeNull();
    await Promise.all([one.dispose(), other.dispose()]);
  });

  test('they and their temporary data are gone when their owner was killed', async () => {
    const owner = spawn(process.execPath, ['--import', 'tsx', OWNER], { stdio: ['ignore', 'pipe', 'inherit'] });
    leftovers.push(owner);
    const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const { pids, dataDir } = JSON.parse(line) as { readonly pids: readonly number[]; readonly dataDir: string };
    expect(pids.map(stateOf)).not.toContain(null);
    owner.kill('SIGKILL');
    await until(() => pids.every((pid) => [null, 'Z'].includes(stateOf(pid))) && !existsSync(dataDir));
  }, 60_000);

  test('npm run servers tells where they are, stops and starts one, and leaves nothing running', async () => {
    const argv = ['--import', join(process.cwd(), 'node_modules/tsx/dist/loader.mjs'), join(process.cwd(), 'tests/support/servers/run.ts')];
    const run = async (...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> => {
      const child = spawn(process.execPath, [...argv, ...args], { cwd: place, stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      for (const output of [child.stdout, child.stderr]) output.on('data', (part) => (text += part));
      const [code] = (await once(child, 'close')) as [number];
      return { code, text };
    };
    expect(await run('status')).toMatchObject({ code: 1, text: expect.stringContaining('npm run servers') });
    const serving = spawn(process.execPath, [...argv, '--only', 'redis'], { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(serving, 'exit');
    leftovers.push(serving);
    const file = join(place, 'data/servers.env');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    const uri = /^REDIS_URL=(redis:\/\/127\.0\.0\.1:\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    await said(uri, (client) => client.set('kept', 'yes'));
    expect(await run('kill', 'redis')).toMatchObject({ code: 0, text: expect.stringContaining('is stopped') });
    expect(await run('start', 'redis')).toMatchObject({ code: 0, text: expect.stringContaining(uri) });
    expect(await said(uri, (client) => client.get('kept'))).toBe('yes');
    expect(await run('stop', 'elephant')).toMatchObject({ code: 64 });
    serving.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(existsSync(file)).toBe(false);
    expect(existsSync(join(place, 'data/servers/redis'))).toBe(true);
    await expect(said(uri, (client) => client.ping())).rejects.toThrow();
  }, 180_000); // five starts of a process, on a machine that may have much else to do
});

async function said<T>(uri: string, ask: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(uri, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  try {
    return await ask(client);
  } finally {
    client.disconnect();
  }
}

/** The letter of its state; null: there is no such process. */
function stateOf(pid: number): string | null {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_200; tries += 1) {
    if (holds()) return;
    await pause(50);
  }
  throw new Error('it did not come about within a minute');
}
