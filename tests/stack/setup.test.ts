import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Installation, installation, RECEIVERS } from './installation.js';

const ALERTS = 'docker/alertmanager/production/alertmanager.yml';
const PRODUCTION = ['--production', '--smtp-url', 'smtp://user:password@mail.example.com', '--public-url', 'https://n.example.com'];

let here: Installation;
beforeEach(() => {
  here = installation();
});
afterEach(() => here.remove());

const at = (name: string): string => join(here.directory, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');

describe('scripts/setup.sh', () => {
  it('takes a configuration of alerts without any secret', () => {
    here.setup(['--production', '--smtp-url', 'smtp://mail.example.com'], RECEIVERS);
    const mailAlone =
      "global:\n  smtp_smarthost: 'mail.example.com:587' # ALERT_SMTP_SMARTHOST\n  smtp_from: a@example.com\nroute:\n  receiver: mail\nreceivers:\n  - name: mail\n    email_configs:\n      - to: b@example.com\n";
    rmSync(at('docker/alertmanager/production'), { recursive: true });
    mkdirSync(at('docker/alertmanager/production/secrets'), { recursive: true });
    writeFileSync(at(ALERTS), mailAlone);
    const { status, said } = here.run(['--receivers']);
    expect([status, said]).toEqual([0, 'setup: whom Alertmanager tells is in docker/alertmanager/production\n']);
    expect(text(ALERTS)).toBe(mailAlone);
  });

  it.each([
    ['a relay', 'smtp://user:password@relay.example.net', ['SMARTHOST']],
    ['a user', 'smtp://another:password@mail.example.com', ['USERNAME']],
    ['a password', 'smtp://user:changed@mail.example.com', ['PASSWORD']],
    ['a relay without a sign-in', 'smtp://relay.example.net', ['SMARTHOST', 'USERNAME']],
    ['TLS from the first byte', 'smtps://user:password@mail.example.com', ['REQUIRE_TLS', 'SMARTHOST']],
    ['nothing', 'smtp://user:password@mail.example.com', []],
  ])('says, without a secret, what of the relay for alerts is still the old one after %s has changed', (_what, url, names) => {
    here.setup(PRODUCTION, RECEIVERS);
    const before = text(ALERTS);
    const { said } = here.run([...PRODUCTION, '--force', '--smtp-url', url]);
    expect(text(ALERTS)).toBe(before);
    expect([...said.matchAll(/^setup: ALERT_SMTP_(\w+) is not written: /gm)].map(([, name]) => name).sort()).toEqual(names.toSorted());
    expect(said).not.toMatch(/changed|password/);
  });

  describe('where volumes of an earlier stack are there', () => {
    /** A docker that knows one volume of the project in this directory. */
    const withVolume = (): Readonly<Record<string, string>> => {
      const project = basename(here.directory).toLowerCase();
      mkdirSync(at('bin'));
      writeFileSync(
        at('bin/docker'),
        `#!/bin/sh\n[ "$*" = "volume ls -q --filter label=com.docker.compose.project=${project}" ] && echo ${project}_mongodb-data\nexit 0\n`,
      );
      chmodSync(at('bin/docker'), 0o755);
      return { PATH: `${at('bin')}:${process.env['PATH']}`, ...RECEIVERS };
    };

    it('refuses to make another for production, before it writes anything, and says what to do', () => {
      const env = withVolume();
      const { status, said } = here.run(PRODUCTION, env);
      expect([status, said]).toEqual([
        2,
        expect.stringMatching(/^setup: volumes of a stack .*_mongodb-data.* down --volumes.*--keep-volumes\n$/),
      ]);
      expect([existsSync(at('.env')), existsSync(at('docker/alertmanager/production'))]).toEqual([false, false]);
      expect(here.run([...PRODUCTION, '--keep-volumes'], env).status).toBe(0);
    });

    it('makes one for a laptop, which has the same passwords as ever', () => {
      expect(here.run([], withVolume()).status).toBe(0);
    });
  });

  describe('--receivers', () => {
    const settings = (): string => `ALERTMANAGER_CONFIG=${at(ALERTS)}\nALERTMANAGER_SECRETS=${join(at(ALERTS), '../secrets')}\n`;

    it.each([
      ['a last line without an end', 'NODE_ENV=production\nLAST=1', 'NODE_ENV=production\nLAST=1\n'],
      ['settings without a value', 'ALERTMANAGER_CONFIG=\nALERTMANAGER_SECRETS=""\nLAST=1\n', 'LAST=1\n'],
    ])('adds where receivers are to a .env with %s', (_what, before, kept) => {
      writeFileSync(at('.env'), before);
      here.setup(['--receivers'], RECEIVERS);
      expect(text('.env')).toBe(kept + settings());
      here.setup(['--receivers'], RECEIVERS);
      expect(text('.env')).toBe(kept + settings());
    });

    it('adds where the secrets are to a .env that has only the other', () => {
      const [config, secrets] = settings().split('\n') as [string, string];
      writeFileSync(at('.env'), `${config}\n`);
      here.setup(['--receivers'], RECEIVERS);
      expect(text('.env')).toBe(`${config}\n${secrets}\n`);
    });

    it.each(['ALERTMANAGER_CONFIG', 'ALERTMANAGER_SECRETS'])('refuses, and writes nothing, where %s leads elsewhere', (name) => {
      writeFileSync(at('.env'), `${name}=/etc/mine\n`);
      const { status, said } = here.run(['--receivers'], RECEIVERS);
      expect([status, said]).toEqual([2, expect.stringMatching(`^setup: ${name}: is /etc/mine in \\.env, .*\\n$`)]);
      expect([text('.env'), existsSync(at(ALERTS))]).toEqual([`${name}=/etc/mine\n`, false]);
    });
  });

  it('refuses an address of the runbook that links cannot go on behind', () => {
    const { status, said } = here.run([...PRODUCTION, '--runbook-url', 'https://grafana.example.org/d/signalbox-runbook?orgId=1']);
    expect([status, said]).toEqual([2, 'setup: --runbook-url: links go on behind it, so it has neither ? nor #\n']);
  });

  it.each([
    ['--smtp-url', 'smtp://user:pass word@mail.example.com'],
    ['--smtp-url', 'smtp://user:pa$$word@mail.example.com'],
    ['--smtp-url', "smtp://user:pass'word@mail.example.com"],
    ['--smtp-url', 'smtp://user:pass"word@mail.example.com'],
    ['--smtp-url', 'smtp://user:pass#word@mail.example.com'],
    ['--smtp-url', 'smtp://user:pass\\word@mail.example.com'],
    ['--smtp-url', 'smtp://mail.example.com\nADMIN_API_KEY=mine'],
    ['--public-url', 'https://n.example.com/`id`'],
    ['--runbook-url', 'https://n.example.com/a;b'],
  ])('refuses %s %j, which .env does not take as it is, without repeating it', (option, value) => {
    const { status, said } = here.run([...PRODUCTION, option, value]);
    expect([status, said]).toEqual([2, expect.stringMatching(`^setup: ${option}: has a sign in it that .*\\n$`)]);
    expect(said).not.toContain(value);
    expect(readdirSync(here.directory)).not.toContain('.env');
  });

  it('hands on a URL with all its signs', () => {
    const url = 'smtps://us%40er:p%23%24%20w!*@[2001:db8::1]:465/?pool=true,x+y~';
    expect(here.setup([...PRODUCTION, '--smtp-url', url], { ...RECEIVERS, ALERT_SMTP_SMARTHOST: 'mail.example.com:587' })['SMTP_URL']).toBe(
      url,
    );
  });

  it('keeps each .env that --force replaces, for its owner only, and not in git', () => {
    const olds = [1, 2, 3].map(() => {
      here.setup(['--force']);
      chmodSync(at('.env'), 0o644);
      return text('.env');
    });
    const backups = readdirSync(here.directory).filter((name) => name.startsWith('.env.bak'));
    expect(backups.map(text).sort()).toEqual(olds.slice(0, -1).sort());
    expect(backups.map((name) => statSync(at(name)).mode & 0o777)).toEqual([0o600, 0o600]);
    const ignored = spawnSync('git', ['check-ignore', '--no-index', ...backups], { encoding: 'utf8' }).stdout;
    expect(ignored.trim().split('\n')).toEqual(backups);
  });

  it.each([
    ['for a laptop', []],
    ['for production', PRODUCTION],
  ])('%s opens for containers what a checkout under umask 077 closed, but no secret', (_where, args) => {
    for (const name of ['tls', 'alertmanager/production']) mkdirSync(at(`docker/${name}`), { recursive: true });
    for (const name of ['docker/tls/tls.key', ALERTS]) writeFileSync(at(name), 'fill-in');
    writeFileSync(at('docker/healthy.sh'), '#!/bin/sh\n', { mode: 0o755 });
    spawnSync('chmod', ['-R', 'go=', 'docker', 'scripts'], { cwd: here.directory });
    const mode = (name: string): string => (statSync(at(name)).mode & 0o777).toString(8);
    const { said } = here.run(args);
    // docker/ itself, its healthy.sh and alertmanager.yml, alertmanager/, secrets/ and the four in it.
    expect(said).toContain('setup: opened for containers what a narrow umask had closed: 9 files and directories');
    const opened = ['docker', 'docker/alertmanager.yml', 'docker/alertmanager/secrets', 'docker/alertmanager/secrets/chat-url'];
    expect([...opened, 'docker/healthy.sh'].map(mode)).toEqual(['755', '644', '755', '644', '755']);
    expect(['docker/tls', 'docker/tls/tls.key', 'docker/alertmanager/production', 'scripts/lib'].map(mode)).toEqual([
      '700',
      '600',
      '700',
      '700',
    ]);
    expect(here.run([...args, '--force']).said).not.toContain('opened');
  });

  it('opens all that compose mounts of the project and that its images are made of', () => {
    const listed = /^read_by_containers=\((.*)\)$/m.exec(readFileSync('scripts/lib/for-containers.sh', 'utf8'))?.[1]?.split(' ') ?? [];
    const files = [...readdirSync('.'), ...readdirSync('docker').map((name) => join('docker', name))];
    const composes = files.filter((name) => /compose\.(.*\.)?yml$/.test(name));
    const mounted = composes.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/["\s{-](\.\.?\/[\w./-]+)\}?:\/\S*:ro\b/g)].map(([, path = '']) => join(dirname(file), path)),
    );
    const copied = files
      .filter((name) => name.startsWith('docker/Dockerfile.'))
      .flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths = '']) => paths.split(' ')),
      );
    expect(mounted.length).toBeGreaterThan(10);
    expect(copied).toContain('package.json');
    const covered = (path: string): boolean => listed.some((each) => path === each || path.startsWith(`${each}/`));
    expect([...mounted, ...copied].filter((path) => !covered(path))).toEqual([]);
  });
});
