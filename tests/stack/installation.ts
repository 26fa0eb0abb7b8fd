import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';

type Variables = Readonly<Record<string, string | undefined>>;

/** What `scripts/setup.sh` is told of people, beside the relay. */
export const RECEIVERS = {
  ALERT_EMAIL_TO: 'operations@example.com',
  ALERT_SMTP_FROM: 'alerts@example.com',
  ALERT_CHAT_URL: 'https://chat.example.com/hooks/T0',
  ALERT_PAGER_KEY: 'a-routing-key',
  ALERT_HEARTBEAT_URL: 'https://heartbeat.example.com/ping/1',
};

/** As much of the project as `scripts/setup.sh` reads and writes, in a directory of its own. */
export interface Installation {
  readonly directory: string;
  /** Runs `scripts/setup.sh`: how it ended, and what it said. */
  run(args: readonly string[], env?: Variables): { readonly status: number | null; readonly said: string };
  /** The same where it succeeds; the `.env` it wrote. */
  setup(args: readonly string[], env?: Variables): Variables;
  /** Ends `docker/preflight.mjs` with these variables, and with what compose mounts by them; what it complained of. */
  preflight(variables: Variables): { readonly code: number | null; readonly said: string };
  remove(): void;
}

/** Lays one out; the caller removes it. */
export function installation(): Installation {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-setup-'));
  for (const path of ['scripts/setup.sh', 'scripts/lib', 'docker/alertmanager.yml', 'docker/alertmanager/secrets']) {
    cpSync(path, join(directory, path), { recursive: true });
  }
  const bare = (env: Variables): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], ...env }) as NodeJS.ProcessEnv;
  const run = (args: readonly string[], env: Variables = {}) => {
    const { status, stdout, stderr } = spawnSync('bash', ['scripts/setup.sh', ...args], {
      cwd: directory,
      env: bare(env),
      encoding: 'utf8',
    });
    return { status, said: stdout + stderr };
  };
  return {
    directory,
    run,
    setup(args, env) {
      const { status, said } = run(args, env);
      if (status !== 0) throw new Error(said);
      return parseEnv(readFileSync(join(directory, '.env'), 'utf8'));
    },
    preflight(variables) {
      const args = [resolve('docker/preflight.mjs'), mounted(directory, variables)];
      const { status, stderr } = spawnSync(process.execPath, args, { env: bare(variables), encoding: 'utf8' });
      return { code: status, said: stderr };
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** In the place of /etc/alertmanager. Of a source that is not there the engine makes an empty directory. */
function mounted(directory: string, { ALERTMANAGER_CONFIG, ALERTMANAGER_SECRETS }: Variables): string {
  const place = join(directory, 'mounted');
  rmSync(place, { recursive: true, force: true });
  for (const [source, target] of [
    [ALERTMANAGER_CONFIG ?? join(directory, 'docker/alertmanager.yml'), 'alertmanager.yml'],
    [ALERTMANAGER_SECRETS ?? join(directory, 'docker/alertmanager/secrets'), 'secrets'],
  ] as const) {
    if (existsSync(source)) cpSync(source, join(place, target), { recursive: true });
    else mkdirSync(join(place, target), { recursive: true });
  }
  return place;
}
