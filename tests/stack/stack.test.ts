import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { SETTINGS } from '../../src/config/settings.js';
import { readSettings } from '../../src/config.js';
import { type Installation, installation, RECEIVERS } from './installation.js';

/** What the services are made of. */
const BASES = ['docker/compose.base.yml', 'docker/compose.watch.yml'];
const FILES = [...BASES, 'docker-compose.yml', 'docker-compose.scale.yml', 'docker-compose.replica-set.yml'];

/** What the compose files decide: which stores, ports and roles there are, the sink; and what drills alone set. */
const OF_THE_STACK = new Set(
  [
    ['SERVER_PORT', 'HOST', 'HEALTH_CHECK_ENABLED', 'HEALTH_CHECK_PORT', 'ROLE', 'WORKER_ID', 'WORKER_RESTARTS'],
    ['DATA_DIR', 'DATABASE_URL', 'DIRECT_DATABASE_URL', 'STORE_DRIVER', 'QUEUE_DRIVER', 'REDIS_HOST', 'REDIS_PORT'],
    ['SINK_SMTP_PORT', 'SINK_KEEP', 'FAILPOINT'],
  ].flat(),
);

let here: Installation;
beforeEach(() => {
  here = installation();
});
afterEach(() => here.remove());
const setup = (...args: readonly string[]): Readonly<Record<string, string | undefined>> => here.setup(args);
const preflight = (variables: Readonly<Record<string, string | undefined>>) => here.preflight(variables);

describe('the compose files', () => {
  test.each(FILES)('%s publishes nothing beyond this machine unless PUBLIC_ADDRESS says so, and that only for 80 and 443', (file) => {
    const published = [...readFileSync(file, 'utf8').matchAll(/^\s*ports: \[(.*)\]$/gm)].flatMap(([, list = '']) =>
      list.split(', ').map((text) => text.replaceAll('"', '')),
    );
    const elsewhere = published.filter((port) => !port.startsWith('127.0.0.1:'));
    for (const port of elsewhere) expect(port).toMatch(/^\$\{PUBLIC_ADDRESS:-127\.0\.0\.1\}:(80:80|443:443)$/);
  });

  test('every service says how it is known to be well, or that it only runs once', () => {
    const services = BASES.map((file) => readFileSync(file, 'utf8').split(/^services:$/m)[1] ?? '').join('');
    const blocks = services.split(/^ {2}(?=[a-z-]+:$)/m).filter((block) => /^[a-z-]+:/.test(block));
    expect(blocks.length).toBeGreaterThan(10);
    for (const block of blocks) {
      const own = /healthcheck:/.test(block);
      // Of the images that are built here the Dockerfile says it.
      const built = /dockerfile: (\S+)/.exec(block)?.[1];
      expect([block.split(':')[0], own || (built !== undefined && /^HEALTHCHECK /m.test(readFileSync(built, 'utf8')))]).toEqual([
        block.split(':')[0],
        true,
      ]);
    }
  });

  test('the sink is looked at under the same address in both stacks', () => {
    const published = (file: string, service: string): readonly string[] =>
      parse(readFileSync(file, 'utf8'), { merge: true }).services[service].ports;
    expect(published('docker-compose.yml', 'sink')).toEqual(['127.0.0.1:8080:3080']);
    expect(published('docker/compose.base.yml', 'nginx')).toContain('127.0.0.1:8080:8080');
    expect(readFileSync('nginx.conf', 'utf8')).toMatch(/location \/sink \{\s+proxy_pass \$sink;/);
  });

  test('whoever talks to MongoDB has a way to one that is not in the stack', () => {
    const { services } = parse(readFileSync('docker/compose.base.yml', 'utf8'), { merge: true });
    for (const name of ['migrate', 'api', 'worker']) expect(networksOf(services[name])).toContain('watch');
  });

  test.each(['Dockerfile.api', 'Dockerfile.worker'])('%s is in the root, too', (name) => {
    expect(readFileSync(name, 'utf8')).toBe(readFileSync(join('docker', name), 'utf8'));
  });

  test('every setting that has an effect is handed on, but those that make the stack what it is', () => {
    const handed = Object.keys(parse(readFileSync('docker/compose.base.yml', 'utf8'), { merge: true })['x-signalbox-environment']);
    const missing = Object.values(SETTINGS).flatMap(({ env, live }) =>
      live && !handed.includes(env) && !OF_THE_STACK.has(env) ? [env] : [],
    );
    expect(missing).toEqual([]);
  });

  test('both images have the same steps up to their last stage, so that they share layers', () => {
    const shared = ['docker/Dockerfile.api', 'docker/Dockerfile.worker'].map((file) => {
      const text = readFileSync(file, 'utf8');
      return text.slice(text.indexOf('FROM '), text.lastIndexOf('FROM ')).replace(/^#.*\n/gm, '');
    });
    expect(shared[0]).toBe(shared[1]);
  });
});

describe('METRICS_TOKEN', () => {
  const services = Object.assign({}, ...BASES.map((file) => parse(readFileSync(file, 'utf8'), { merge: true }).services));

  test('is one for whoever is scraped and for Prometheus, which is given the file that prometheus.yml names', () => {
    for (const name of ['api', 'worker', 'prometheus']) expect(Object.keys(services[name].environment)).toContain('METRICS_TOKEN');
    const { scrape_configs: jobs } = parse(readFileSync('prometheus.yml', 'utf8'));
    const files = ['api', 'worker'].map(
      (name) => jobs.find((job: { job_name: string }) => job.job_name === name).authorization.credentials_file,
    );
    expect(files).toEqual(['prometheus/metrics-token', 'prometheus/metrics-token']);
    // Relative to prometheus.yml, and in a place that Prometheus may write.
    expect(services.prometheus.tmpfs).toContain('/etc/prometheus/prometheus');
    expect(readFileSync('docker/prometheus/start.sh', 'utf8')).toContain('>/etc/prometheus/prometheus/metrics-token');
    expect(services.prometheus.volumes).toContain('./prometheus:/etc/signalbox:ro');
    expect(readFileSync('prometheus/metrics-token', 'utf8')).toBe('');
  });

  test('is generated for production, and none for a laptop', () => {
    expect(setup()['METRICS_TOKEN']).toBeUndefined();
    expect(setup('--production', '--force')['METRICS_TOKEN']).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('preflight', () => {
  test('lets a stack for development start as it comes', () => {
    expect(preflight({ NODE_ENV: 'development' })).toEqual({ code: 0, said: '' });
  });

  test.each(['0.0.0.0', '192.0.2.7', '::'])('refuses to show a stack for development at %s', (address) => {
    for (const NODE_ENV of ['development', '']) {
      const { code, said } = preflight({ NODE_ENV, PUBLIC_ADDRESS: address });
      expect([code, said]).toEqual([2, expect.stringContaining('preflight: PUBLIC_ADDRESS: ')]);
    }
    expect(preflight({ NODE_ENV: 'development', PUBLIC_ADDRESS: '127.0.0.1' }).code).toBe(0);
  });

  test('refuses, in production, passwords that everybody knows, and names each', () => {
    const { code, said } = preflight({
      NODE_ENV: 'production',
      MONGODB_ROOT_PASSWORD: 'development-only',
      MONGODB_PASSWORD: 'a-password-of-its-own',
      RABBITMQ_PASSWORD: 'guest',
      REDIS_PASSWORD: 'short',
      SMTP_URL: 'smtp://sink:2525',
    });
    expect(code).toBe(2);
    for (const name of ['MONGODB_ROOT_PASSWORD', 'RABBITMQ_PASSWORD', 'REDIS_PASSWORD', 'GRAFANA_ADMIN_PASSWORD', 'SMTP_URL']) {
      expect(said).toContain(`preflight: ${name}: `);
    }
    expect(said).not.toContain('MONGODB_PASSWORD: is');
  });
});

describe('scripts/setup.sh', () => {
  test('for production writes what preflight lets pass', () => {
    const args = ['--production', '--smtp-url', 'smtp://user:word@mail.example.org:587', '--public-url', 'https://n.example.org'];
    const env = here.setup(args, RECEIVERS);
    expect(preflight(env)).toEqual({ code: 0, said: '' });
    // As the service preflight does after it, with what compose adds to it.
    const added = {
      ROLE: 'api',
      SINK: 'off',
      MONGODB_URI: 'mongodb://mongodb/n',
      RABBITMQ_URL: 'amqp://rabbitmq',
      REDIS_URL: 'redis://redis',
    };
    expect(readSettings({ ...env, ...added }).errors).toEqual([]);
    expect(env).toMatchObject({ NODE_ENV: 'production', SINKS: '0', PUBLIC_ADDRESS: '0.0.0.0', TLS_NAME: 'n.example.org' });
    expect(env['EMAIL_FROM']).toBe('no-reply@n.example.org');
    expect(setup(...args, '--force', '--email-from', 'post@example.org')['EMAIL_FROM']).toBe('post@example.org');
  });

  test('for a laptop keeps the logins of the checklist, and generates the rest', () => {
    const env = setup();
    expect(env).toMatchObject({ GRAFANA_ADMIN_PASSWORD: 'admin', RABBITMQ_USERNAME: 'guest', RABBITMQ_PASSWORD: 'guest' });
    expect(env['MONGODB_PASSWORD']).toMatch(/^[0-9a-f]{64}$/);
    expect(env['MONGODB_PASSWORD']).not.toBe(env['MONGODB_ROOT_PASSWORD']);
  });

  test.each([
    ['3', '1', '0', '0'],
    ['5', '1', '1', '0'],
    ['8', '1', '1', '3'],
  ])('%s workers: worker-3 %s, worker-5 %s, and %s of the elastic service', (workers, third, fifth, elastic) => {
    expect(setup('--workers', workers)).toMatchObject({ WORKER_3: third, WORKER_5: fifth, ELASTIC_WORKERS: elastic, NUM_WORKERS: workers });
  });

  test('a number of workers with a nought before it is that number', () => {
    expect(setup('--workers', '08')).toMatchObject({ NUM_WORKERS: '8', ELASTIC_WORKERS: '3', WORKER_5: '1' });
  });

  test('writes where the runbook is read, and leaves it to the compose files where nobody says so', () => {
    expect(setup()).not.toHaveProperty('RUNBOOK_URL');
    expect(setup('--force', '--runbook-url', 'https://grafana.example.org/d/signalbox-runbook/')['RUNBOOK_URL']).toBe(
      'https://grafana.example.org/d/signalbox-runbook',
    );
  });

  test('a .env that is there stays', () => {
    const before = setup();
    expect(spawnSync('bash', [join(here.directory, 'scripts/setup.sh')]).status).toBe(2);
    expect(parseEnv(readFileSync(join(here.directory, '.env'), 'utf8'))).toEqual(before);
  });
});

function networksOf({ networks }: { readonly networks: readonly string[] | Readonly<Record<string, unknown>> }): readonly string[] {
  return Array.isArray(networks) ? networks : Object.keys(networks);
}
