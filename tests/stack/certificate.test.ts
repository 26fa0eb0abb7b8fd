import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeCertificate } from '../support/certificate.js';

const PLACE = '/etc/nginx';
const DAY_MS = 86_400_000;

describe('docker/nginx/40-certificate.sh', () => {
  let directory: string;
  let script: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'signalbox-certificate-'));
    for (const name of ['given', 'tls']) mkdirSync(join(directory, name));
    script = readFileSync('docker/nginx/40-certificate.sh', 'utf8');
    expect(script.split(PLACE)).toHaveLength(3);
    script = script.replaceAll(PLACE, directory);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const at = (name: string): string => join(directory, name);
  const text = (name: string): string => readFileSync(at(name), 'utf8');

  /** What it said. */
  function run(name = 'notify.example.org'): string {
    const env = { PATH: process.env['PATH'], TLS_NAME: name } as NodeJS.ProcessEnv;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { env, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    return stdout;
  }

  it('makes one for the name of the installation and for this machine, whose key nobody else reads', () => {
    expect(run()).toBe('nginx: no certificate in TLS_DIR, so a self-signed one for notify.example.org\n');
    const made = new X509Certificate(text('tls/tls.crt'));
    expect(made.subject).toBe('CN=signalbox');
    expect(made.subjectAltName).toBe('DNS:notify.example.org, DNS:localhost, IP Address:127.0.0.1');
    // The longest that browsers take is 398 days.
    const days = (Date.parse(made.validTo) - Date.parse(made.validFrom)) / DAY_MS;
    expect([days > 365, days < 398]).toEqual([true, true]);
    expect(made.checkPrivateKey(createPrivateKey(text('tls/tls.key')))).toBe(true);
    expect((statSync(at('tls/tls.key')).mode & 0o777).toString(8)).toBe('600');
  });

  it('makes one for a name that is longer than a common name may be', () => {
    const name = `${'a'.repeat(60)}.notify.example.org`;
    expect(run(name)).toContain(name);
    expect(new X509Certificate(text('tls/tls.crt')).checkHost(name)).toBe(name);
  });

  it('keeps the one it made, until it is about to expire', async () => {
    run();
    const first = text('tls/tls.crt');
    expect([run(), text('tls/tls.crt')]).toEqual(['', first]);
    const { key, crt } = await makeCertificate(directory);
    copyFileSync(crt, at('tls/tls.crt'));
    copyFileSync(key, at('tls/tls.key'));
    run();
    expect(new X509Certificate(text('tls/tls.crt')).checkHost('notify.example.org')).toBe('notify.example.org');
  });

  it('makes another where the installation has got another name, and keeps that', () => {
    run('localhost');
    expect(run()).toContain('a self-signed one for notify.example.org');
    expect(new X509Certificate(text('tls/tls.crt')).checkHost('notify.example.org')).toBe('notify.example.org');
    expect(run()).toBe('');
  });

  it('takes the one that is given, as it is, in the place of its own, and the next that is given', async () => {
    run();
    for (const name of ['DNS:first.example.org', 'DNS:second.example.org']) {
      await makeCertificate(at('given'), name);
      const given = [text('given/tls.crt'), text('given/tls.key')];
      expect(run()).toBe('');
      expect([text('tls/tls.crt'), text('tls/tls.key')]).toEqual(given);
      expect([text('given/tls.crt'), text('given/tls.key')]).toEqual(given);
    }
    // Given ones are renewed by whoever gives them, also when they are not there for a while.
    expect(existsSync(at('tls/self-signed'))).toBe(false);
    rmSync(at('given/tls.key'));
    const kept = text('tls/tls.crt');
    expect([run(), text('tls/tls.crt')]).toEqual(['', kept]);
  });

  it('makes one where the given one lacks its key, or is empty', async () => {
    const { key } = await makeCertificate(at('given'));
    writeFileSync(key, '');
    expect(run()).toContain('a self-signed one');
    expect(new X509Certificate(text('tls/tls.crt')).checkHost('notify.example.org')).toBe('notify.example.org');
  });
});
