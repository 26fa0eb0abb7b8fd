import { execFile, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ensureInstalled } from '../support/servers/install.js';
import { type Installation, installation, RECEIVERS } from './installation.js';

const MINUTES_TO_INSTALL = 300_000;
const PRODUCTION = ['--production', '--smtp-url', 'smtps://us%40er:p%25wo%27rd@mail.example.com', '--public-url', 'https://n.example.com'];
const DIRECTORY = 'docker/alertmanager/production';

beforeAll(() => ensureInstalled('alertmanager'), MINUTES_TO_INSTALL);

let here: Installation;
beforeEach(() => {
  here = installation();
});
afterEach(() => here.remove());

const at = (name: string): string => join(here.directory, DIRECTORY, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');
const mode = (name: string): string => (statSync(at(name)).mode & 0o777).toString(8);

interface Config {
  readonly global: Readonly<Record<string, unknown>>;
  readonly route: unknown;
  readonly inhibit_rules: unknown;
  readonly receivers: readonly {
    readonly name: string;
    readonly email_configs?: readonly { readonly to: string }[];
    readonly webhook_configs?: readonly { readonly url: string; readonly http_config?: unknown }[];
  }[];
}
const config = (path = at('alertmanager.yml')): Config => parse(readFileSync(path, 'utf8'), { merge: true }) as Config;

const run = promisify(execFile);

/** amtool's judgement of the configuration for production. */
function faults(): Promise<string> {
  return run('amtool', ['check-config', at('alertmanager.yml')]).then(
    () => '',
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => stdout + stderr || 'amtool did not run',
  );
}

describe('For production scripts/setup.sh', () => {
  it('makes a configuration of whom it is told, which Alertmanager takes and preflight lets pass', async () => {
    const env = here.setup(PRODUCTION, { ...RECEIVERS, ALERT_HEARTBEAT_TOKEN: 'heart' });
    expect(env).toMatchObject({ ALERTMANAGER_CONFIG: at('alertmanager.yml'), ALERTMANAGER_SECRETS: at('secrets') });
    expect(await faults()).toBe('');
    expect(here.preflight(env)).toEqual({ code: 0, said: '' });
    const { global, receivers } = config();
    expect(global).toMatchObject({
      smtp_smarthost: 'mail.example.com:465',
      // TLS from the first byte is there; STARTTLS, which `true` asks for, is not.
      smtp_require_tls: false,
      smtp_from: 'alerts@example.com',
      smtp_auth_username: 'us@er',
      pagerduty_url: 'https://events.pagerduty.com/v2/enqueue',
    });
    expect(receivers.find(({ name }) => name === 'mail-and-chat')?.email_configs).toMatchObject([{ to: 'operations@example.com' }]);
    const token = { authorization: { credentials_file: '/etc/alertmanager/secrets/dead-mans-switch-token' } };
    const { webhook_configs } = receivers.find(({ name }) => name === 'dead-mans-switch') ?? {};
    expect(webhook_configs).toMatchObject([{ url: 'https://heartbeat.example.com/ping/1', http_config: token }]);
    const secrets = ['smtp-password', 'chat-url', 'pager-key', 'dead-mans-switch-token'].map((name) => text(`secrets/${name}`));
    expect(secrets).toEqual(["p%wo'rd", 'https://chat.example.com/hooks/T0', 'a-routing-key', 'heart']);
  });

  it.each([
    ['smtp://alerts@example.org:pa55@word@smtp.relay.net:587', 'smtp.relay.net:587', 'alerts@example.org', 'pa55@word'],
    ['smtp://a:b:c@[2001:db8::1]', '[2001:db8::1]:587', 'a', 'b:c'],
  ])('finds host, user and password of %s where every URL has them', (url, host, user, password) => {
    here.setup(['--production', '--smtp-url', url, '--public-url', 'https://n.example.com'], RECEIVERS);
    expect(new URL(url)).toMatchObject({ host: host.replace(/:587$/, host === 'smtp.relay.net:587' ? ':587' : '') });
    expect(config().global).toMatchObject({ smtp_smarthost: host, smtp_auth_username: user });
    expect(text('secrets/smtp-password')).toBe(password);
  });

  it('tells of the same by the same ways as in development', () => {
    here.setup(PRODUCTION);
    const development = config('docker/alertmanager.yml');
    expect(config()).toMatchObject({ route: development.route, inhibit_rules: development.inhibit_rules });
    expect(config().receivers.map(Object.keys)).toEqual(development.receivers.map(Object.keys));
  });

  it('leaves out the sign-in of a relay that asks for none, and the token of a heartbeat without one', async () => {
    const env = here.setup(['--production', '--smtp-url', 'smtp://mail.example.com'], RECEIVERS);
    expect(await faults()).toBe('');
    expect(config().global).toMatchObject({ smtp_smarthost: 'mail.example.com:587', smtp_require_tls: true });
    expect(config().global).not.toHaveProperty('smtp_auth_username');
    expect(text('alertmanager.yml')).not.toMatch(/^[^#]*(smtp-password|dead-mans-switch-token)/m);
    expect(here.preflight({ ...env, SMTP_URL: '' })).toEqual({ code: 0, said: '' });
  });

  it('does so as well where the relay is told of later', async () => {
    const env = here.setup(['--production'], RECEIVERS);
    expect(text('secrets/smtp-password')).toBe('fill-in');
    const { said } = here.run(['--receivers', '--smtp-url', 'smtp://mail.example.com']);
    expect(said).not.toContain('still to be filled in');
    expect(await faults()).toBe('');
    expect(config().global).toMatchObject({ smtp_smarthost: 'mail.example.com:587' });
    expect(text('alertmanager.yml')).not.toMatch(/smtp_auth_|smtp-password/);
    expect(existsSync(at('secrets/smtp-password'))).toBe(false);
    expect(here.preflight(env)).toEqual({ code: 0, said: '' });
  });

  it('lets Alertmanager, which is another user, read what nobody else on the machine can reach', () => {
    here.setup(PRODUCTION);
    expect([mode(''), mode('secrets'), mode('alertmanager.yml'), mode('secrets/pager-key')]).toEqual(['700', '755', '644', '644']);
  });

  it('keeps them in a directory that git ignores', () => {
    copyFileSync('.gitignore', join(here.directory, '.gitignore'));
    const git = (...args: readonly string[]) => spawnSync('git', [...args], { cwd: here.directory, encoding: 'utf8' });
    git('init', '-q');
    here.setup(PRODUCTION, RECEIVERS);
    git('add', '.');
    const tracked = git('ls-files', 'docker').stdout.split('\n').filter(Boolean);
    expect(tracked).toContain('docker/alertmanager/secrets/pager-key');
    expect(tracked.filter((path) => path.startsWith(DIRECTORY))).toEqual([]);
  });

  it('marks what nobody has said, which Alertmanager takes and preflight refuses with the line, until it is said', async () => {
    const env = here.setup(['--production']);
    expect(await faults()).toBe('');
    const { code, said } = here.preflight(env);
    expect(code).toBe(2);
    const toFill = /^preflight: (ALERTMANAGER_\w+): (\S+?)(?:, line (\d+): .*)? is still to be filled in, there or by /gm;
    const found = [...said.matchAll(toFill)].map(([, setting, file = '', line]) => [setting, relative(at(''), file), line !== undefined]);
    const places = ['smtp_smarthost', 'smtp_from', 'smtp_auth_username', 'to', 'url'].map(() => [
      'ALERTMANAGER_CONFIG',
      'alertmanager.yml',
      true,
    ]);
    const secrets = ['chat-url', 'pager-key', 'smtp-password'].map((name) => ['ALERTMANAGER_SECRETS', `secrets/${name}`, false]);
    expect(found.sort()).toEqual([...places, ...secrets].sort());
    here.setup(['--receivers', '--smtp-url', 'smtps://a:b@mail.example.com'], RECEIVERS);
    expect(await faults()).toBe('');
    expect(config().global).toMatchObject({ smtp_smarthost: 'mail.example.com:465', smtp_require_tls: false });
    expect(here.preflight(env)).toEqual({ code: 0, said: '' });
  });

  it('leaves what a person wrote as it is, and says what it did not write', () => {
    here.setup(PRODUCTION, RECEIVERS);
    const edited = text('alertmanager.yml')
      .replace(/'operations@example.com'/, 'me@example.net')
      .replace(/\n$/, '\n# Mine, without an end');
    writeFileSync(at('alertmanager.yml'), edited);
    writeFileSync(at('secrets/pager-key'), 'mine\n');
    const others = { ...RECEIVERS, ALERT_EMAIL_TO: 'other@example.com', ALERT_PAGER_KEY: 'another' };
    const { said } = here.run([...PRODUCTION, '--force'], others);
    expect(text('alertmanager.yml')).toBe(`${edited}\n`);
    expect(text('secrets/pager-key')).toBe('mine\n');
    expect([...said.matchAll(/^setup: (ALERT_\w+) is not written/gm)].map(([, name]) => name)).toEqual([
      'ALERT_EMAIL_TO',
      'ALERT_PAGER_KEY',
    ]);
  });

  it('gives a stack that is there its receivers, and keeps its .env but for where they are', () => {
    here.setup(PRODUCTION);
    rmSync(at(''), { recursive: true });
    const path = join(here.directory, '.env');
    const before = readFileSync(path, 'utf8').replace(/^ALERTMANAGER_.*\n/gm, '');
    writeFileSync(path, before);
    const env = here.setup(['--receivers'], RECEIVERS);
    expect(readFileSync(path, 'utf8')).toBe(
      `${before}ALERTMANAGER_CONFIG=${at('alertmanager.yml')}\nALERTMANAGER_SECRETS=${at('secrets')}\n`,
    );
    // Its relay is the one of the notifications.
    expect(config().global['smtp_smarthost']).toBe('mail.example.com:465');
    expect(here.preflight(env)).toEqual({ code: 0, said: '' });
  });

  it('refuses what would make another file of it, and to add receivers to no .env', () => {
    expect(here.run(['--receivers'])).toEqual({ status: 2, said: 'setup: --receivers is for a .env that is there\n' });
    expect(here.run(['--production'], { ALERT_EMAIL_TO: 'a@example.com\nb' })).toMatchObject({ status: 2 });
    expect(here.run(['--production'], { ALERT_SMTP_REQUIRE_TLS: 'maybe' })).toMatchObject({ status: 2 });
  });

  it('refuses a relay that Alertmanager would not get a mail to', () => {
    expect(here.run(['--production', '--smtp-url', 'smtps://mail.example.com:4650'])).toEqual({
      status: 2,
      said: expect.stringMatching(/^setup: --smtp-url: Alertmanager speaks smtps:\/\/ on port 465 only, not on 4650; .*\n$/),
    });
    const { status, said } = here.run(PRODUCTION, { ALERT_SMTP_REQUIRE_TLS: 'true' });
    expect([status, said]).toEqual([2, expect.stringMatching(/^setup: ALERT_SMTP_REQUIRE_TLS: port 465 .*\n$/)]);
    const other = { ALERT_SMTP_SMARTHOST: 'alerts.example.com:587', ALERT_SMTP_REQUIRE_TLS: 'true' };
    here.setup(['--production', '--smtp-url', 'smtps://mail.example.com:4650'], other);
    expect(config().global).toMatchObject({ smtp_smarthost: 'alerts.example.com:587', smtp_require_tls: true });
  });
});

describe('In production preflight', () => {
  let env: Readonly<Record<string, string | undefined>>;
  beforeEach(() => {
    env = here.setup(PRODUCTION, RECEIVERS);
  });

  const refused = (variables: Readonly<Record<string, string | undefined>>, ...sentences: readonly string[]): void => {
    const { code, said } = here.preflight({ ...env, ...variables });
    for (const sentence of sentences) expect(said).toContain(sentence);
    expect(code).toBe(2);
  };

  it('refuses the configuration and the secrets for development, and says what to set', () => {
    const { ALERTMANAGER_CONFIG: _config, ALERTMANAGER_SECRETS: _secrets, ...without } = env;
    const { code, said } = here.preflight(without);
    expect(code).toBe(2);
    const sink =
      /^preflight: ALERTMANAGER_CONFIG: docker\/alertmanager\.yml, line \d+: .*sink:.* leads to the sink, .*; set ALERTMANAGER_CONFIG to /gm;
    expect(said.match(sink)).toHaveLength(3);
    const secret = 'preflight: ALERTMANAGER_SECRETS: docker/alertmanager/secrets/';
    expect(said).toContain(`${secret}chat-url leads to the sink, which is for development; set ALERTMANAGER_SECRETS to `);
    for (const name of ['smtp-password', 'pager-key', 'dead-mans-switch-token']) {
      expect(said).toContain(`${secret}${name} is a secret that everybody knows; set ALERTMANAGER_SECRETS to `);
    }
    expect(here.preflight({ NODE_ENV: 'development' })).toEqual({ code: 0, said: '' });
  });

  it('refuses one place that still leads to the sink, but not a comment that names it', () => {
    appendFileSync(at('alertmanager.yml'), '# once: http://sink:3080\n');
    expect(here.preflight(env).said).toBe('');
    writeFileSync(at('alertmanager.yml'), text('alertmanager.yml').replace("'https://heartbeat.example.com/ping/1'", 'http://sink:3080/x'));
    refused({}, 'url: http://sink:3080/x leads to the sink');
  });

  it('refuses a relay on port 465 of which TLS is required, by which nothing is sent', () => {
    const required = text('alertmanager.yml').replace('smtp_require_tls: false', 'smtp_require_tls: true');
    writeFileSync(at('alertmanager.yml'), required);
    refused({}, `${at('alertmanager.yml')}: nothing is sent by a relay on port 465 without smtp_require_tls: false`);
    writeFileSync(at('alertmanager.yml'), required.replace('mail.example.com:465', 'mail.example.com:587'));
    expect(here.preflight(env).said).toBe('');
  });

  it('refuses a secret that is not there, or empty, or that only its owner can read or reach', () => {
    chmodSync(at('secrets/smtp-password'), 0o600);
    refused({}, `${at('secrets/smtp-password')} cannot be read (its owner and group only); it must be a file that all users can read, `);
    chmodSync(at('secrets'), 0o700);
    refused({}, `${at('secrets/pager-key')} cannot be read (its directory is closed to others than its owner and group)`);
    chmodSync(at('secrets'), 0o755);
    rmSync(at('secrets/pager-key'));
    writeFileSync(at('secrets/chat-url'), '\n');
    refused({}, `${at('secrets/pager-key')} cannot be read (ENOENT)`, `${at('secrets/chat-url')} is empty`);
  });

  it('refuses a configuration that is not where ALERTMANAGER_CONFIG says, or that tells nobody', () => {
    refused({ ALERTMANAGER_CONFIG: '/nowhere/alertmanager.yml' }, 'ALERTMANAGER_CONFIG: /nowhere/alertmanager.yml cannot be read (EISDIR)');
    writeFileSync(at('alertmanager.yml'), 'route: {receiver: none}\nreceivers: [{name: none}]\n');
    refused({}, `${at('alertmanager.yml')} has no receiver that tells anybody`);
  });

  it('sees what Alertmanager sees', () => {
    const services = ['docker/compose.base.yml', 'docker/compose.watch.yml'].map(
      (file) => (parse(readFileSync(file, 'utf8'), { merge: true }) as { services: Record<string, { volumes: string[] }> }).services,
    );
    const [preflight = [], alertmanager = []] = [services[0]?.['preflight'], services[1]?.['alertmanager']].map(
      (service) => service?.volumes,
    );
    expect(preflight).toEqual([
      `\${ALERTMANAGER_CONFIG:-./alertmanager.yml}:/etc/alertmanager/alertmanager.yml:ro`,
      `\${ALERTMANAGER_SECRETS:-./alertmanager/secrets}:/etc/alertmanager/secrets:ro`,
    ]);
    expect(alertmanager).toEqual([...preflight, 'alertmanager-data:/alertmanager']);
  });
});
