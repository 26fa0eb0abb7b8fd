import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const TO = 'docs/transcripts/checklist-a.txt';

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-transcript-')));
  cpSync('scripts/lib', join(directory, 'scripts/lib'), { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function kept(transcript: string, dotEnv = '', env: NodeJS.ProcessEnv = {}) {
  writeFileSync(join(directory, 'transcript.txt'), transcript);
  writeFileSync(join(directory, '.env'), dotEnv);
  const argv = ['scripts/lib/keep-transcript.mjs', 'transcript.txt', TO, 'main'];
  const { status, stderr } = spawnSync(process.execPath, argv, {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: '/home/ada', ...env },
    encoding: 'utf8',
  });
  const file = join(directory, TO);
  return { status, stderr, text: existsSync(file) ? readFileSync(file, 'utf8') : null };
}

const DOT_ENV = [
  'MONGODB_PASSWORD=3f9c2a7be1d84056',
  'WEBHOOK_SECRET=whsec_c2VjcmV0LXNlY3JldA==',
  'ADMIN_API_KEY=ki7mX2pQ9sVb4tYz8WcR3nLf6HgJ1dKa',
  'METRICS_TOKEN=1b2c3d4e5f60718293a4',
  'REDIS_URL=redis://:p%25ss-word@redis:6379',
  'GRAFANA_ADMIN_PASSWORD=admin',
  'NUM_WORKERS=5',
].join('\n');

describe('A transcript that is kept beside the code', () => {
  test.each([
    ['a password of .env', 'user 3f9c2a7be1d84056 signed in', 'user (secret) signed in'],
    ['a secret with odd characters', 'is whsec_c2VjcmV0LXNlY3JldA== now', 'is (secret) now'],
    ['a key in a header', 'Authorization: Bearer ki7mX2pQ9sVb4tYz8WcR3nLf6HgJ1dKa', 'Authorization: Bearer (secret)'],
    ['a token that .env does not have', 'authorization: Bearer abcdefgh.ijklmnop', 'authorization: Bearer (secret)'],
    ['a password inside of a URL', 'at redis://:p%25ss-word@redis:6379', 'at redis://(secret)@redis:6379'],
    ['the same password by itself', 'p%ss-word', '(secret)'],
    ['a login that .env does not have', 'amqp://ada:lovelace@rabbitmq', 'amqp://(secret)@rabbitmq'],
  ])('has no %s', (_what, said, shown) => {
    expect(kept(`$ echo\n${said}\n`, DOT_ENV)).toMatchObject({ status: 0, text: `$ echo\n${shown}\n` });
  });

  test('has no secret of the environment, though .env has another of the same name', () => {
    const { text } = kept('one 3f9c2a7be1d84056, two a-password-of-the-shell\n', DOT_ENV, { MONGODB_PASSWORD: 'a-password-of-the-shell' });
    expect(text).toBe('one (secret), two (secret)\n');
  });

  test('leaves the words that documents print, and numbers of settings', () => {
    const said = '$ curl -u admin:admin http://localhost:3000\nguest 5 admin "user":"guest" amqp://guest:guest@rabbitmq\n';
    expect(kept(said, DOT_ENV).text).toBe(said);
  });

  test('has nothing of the machine: directories, its name, colours, the name of the directory, what npm warns of', () => {
    const said = `${directory}/dist\n/home/ada/.npmrc\n${tmpdir()}/x-1\non ${hostname()}:\n\u001b[36mworker-1\u001b[0m  \nnpm warn Unknown user config\nCreating main_worker-1_1 ... done\ndomain_x\n`;
    expect(kept(said).text).toBe(
      './dist\n~/.npmrc\n(temporary)/x-1\non (host):\nworker-1\nCreating signalbox_worker-1_1 ... done\ndomain_x\n',
    );
  });

  test('is not written where a secret is too short to be told from other words', () => {
    const { status, stderr, text } = kept('all is well\n', 'REDIS_PASSWORD=abc');
    expect([status, text]).toEqual([1, null]);
    expect(stderr).toContain('is not written');
    expect(stderr).not.toContain('abc');
  });
});

describe('A script that ends with a failed check', () => {
  test.each([
    ['true', 0, '1 checks passed, 0 failed'],
    ['false', 1, '0 checks passed, 1 failed'],
  ])('of %s ends with %i, and its transcript is kept whole', (command, code, last) => {
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'bin/docker'), '#!/bin/sh\necho Docker\n', { mode: 0o755 });
    const script = `. scripts/lib/stack.sh; . scripts/lib/checklist.sh; begin_transcript data/x ${TO}; check here ${command}; end_transcript`;
    const env = { PATH: `${join(directory, 'bin')}:${process.env['PATH']}` };
    const { status, stdout } = spawnSync('bash', ['--norc', '-c', script], { cwd: directory, env, encoding: 'utf8' });
    expect(status).toBe(code);
    expect(stdout).toContain(`kept in ${TO}`);
    expect(readFileSync(join(directory, TO), 'utf8')).toContain(last);
  });
});
