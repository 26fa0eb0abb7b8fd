import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

/** A file that breaks a rule: its path, what it imports, and the rule that must say so. */
const PLANTED: readonly (readonly [path: string, imports: string, rule: string])[] = [
  ['src/errors.ts', './ports/port.js', 'errors-import-nothing'],
  ['src/ports/bad.ts', '../errors.js', 'ports-import-ports'],
  ['src/pipeline/bad.ts', '../channels/email.js', 'pipeline-imports-ports'],
  ['src/channels/bad.ts', '../pipeline/claim.js', 'channels-import-ports'],
  ['src/workloads/jobs/bad.ts', '../notifications/rules.js', 'workloads-are-strangers'],
  ['src/workloads/jobs/worse.ts', '../../ingress/server.js', 'workloads-import-pipeline'],
  ['src/workloads/jobs/routes.ts', '../../channels/email.js', 'routes-import-ingress'],
  ['src/workloads/jobs/step-routes.ts', '../../channels/email.js', 'routes-import-ingress'],
  ['src/workloads/jobs/unroutes.ts', '../../ingress/server.js', 'workloads-import-pipeline'],
  ['src/workloads/jobs/step-routes.ts', '../../adapters/system/clock.js', 'routes-import-ingress'],
  ['src/workloads/jobs/roots.ts', '../../ingress/server.js', 'workloads-import-pipeline'],
  ['src/adapters/redis/bad.ts', '../system/clock.js', 'adapters-are-strangers'],
  ['src/adapters/redis/worse.ts', '../../pipeline/claim.js', 'adapters-import-ports'],
  ['src/sink/bad.ts', '../pipeline/claim.js', 'sink-imports-ports'],
  ['src/sink/main.ts', '../adapters/embedded/store.js', 'sink-main-composes-little'],
  ['src/ingress/bad.ts', '../workloads/notifications/rules.js', 'ingress-imports-pipeline'],
  ['src/ingress/worse.ts', '../config.js', 'config-is-for-the-composition'],
  ['src/telemetry/bad.ts', '../pipeline/claim.js', 'telemetry-imports-ports'],
  ['src/runtime/bad.ts', '../pipeline/claim.js', 'runtime-imports-ports'],
  ['src/cli/bad.ts', '../ports/port.js', 'cli-talks-http'],
  ['src/cluster/bad.ts', '../wire.js', 'cluster-runs-processes'],
  ['src/cluster/worse.ts', '../pipeline/claim.js', 'cluster-runs-processes'],
  ['src/config/bad.ts', '../ports/port.js', 'config-imports-nothing'],
  ['src/ingress/picks.ts', '../adapters/system/clock.js', 'composition-alone-picks-adapters'],
  ['src/pipeline/top.ts', '../wire.js', 'composition-is-the-top'],
  ['src/pipeline/about.ts', './round.js', 'no-cycles'],
  ['src/pipeline/lost.ts', './nowhere.js', 'resolvable'],
  ['src/ingress/dev.ts', 'supertest', 'no-dev-dependencies'],
  ['src/ingress/mail.ts', 'nodemailer', 'senders-in-channels'],
  ['src/sink/undici.ts', 'undici', 'senders-in-channels'],
  ['src/adapters/system/sqlite.ts', 'node:sqlite', 'sqlite-in-embedded'],
  ['src/ingress/sqlite.ts', '@photostructure/sqlite', 'sqlite-in-embedded'],
  ['src/ingress/pino.ts', 'pino', 'telemetry-libraries'],
  ['src/pipeline/counts.ts', 'prom-client', 'telemetry-libraries'],
  ['src/ingress/smtp.ts', 'smtp-server', 'receivers-in-sink'],
  ['src/pipeline/mongo.ts', 'mongoose', 'mongodb-in-mongo'],
  ['src/wire/redis.ts', 'ioredis', 'redis-in-its-adapter'],
  ['src/pipeline/amqp.ts', 'amqplib', 'amqp-in-its-adapter'],
  ['src/pipeline/limits.ts', 'rate-limiter-flexible', 'limits-in-ingress'],
  ['src/cli/migrate.ts', '../wire.js', 'store-openers-open-the-store'],
  ['src/wire.ts', 'commander', 'terminal-in-cli'],
  ['src/workloads/jobs/http.ts', 'express', 'http-in-ingress'],
];

/** What the planted files import, and files that do what is allowed: no rule may speak of these. */
const SOUND: readonly (readonly [path: string, imports: string])[] = [
  ['src/ports/port.ts', './other.js'],
  ['src/ports/other.ts', 'node:crypto'],
  // Half of the planted cycle; the report names it once, by its other half.
  ['src/pipeline/round.ts', './about.js'],
  ['src/pipeline/claim.ts', '../ports/port.js'],
  ['src/channels/email.ts', 'nodemailer'],
  ['src/workloads/notifications/rules.ts', '../../pipeline/claim.js'],
  ['src/adapters/system/clock.ts', '../../ports/port.js'],
  ['src/adapters/embedded/store.ts', 'node:sqlite'],
  ['src/adapters/embedded/older.ts', '@photostructure/sqlite'],
  ['src/ingress/server.ts', 'express'],
  ['src/workloads/notifications/explain-routes.ts', 'express'],
  ['src/workloads/notifications/explain-routes.ts', '../../ingress/server.js'],
  ['src/workloads/notifications/inbox-routes.ts', 'express'],
  ['src/workloads/notifications/inbox-routes.ts', '../../ingress/server.js'],
  ['src/config.ts', 'zod'],
  ['src/main.ts', './config.js'],
  ['src/worker.ts', './adapters/embedded/store.js'],
  ['src/cli/config-check.ts', '../config.js'],
  ['src/cluster/run.ts', '../config.js'],
];

const place = mkdtempSync(join(tmpdir(), 'signalbox-imports-'));
let violations: readonly Violation[] = [];

beforeAll(() => {
  const importers = new Map<string, string[]>();
  for (const [path, imports] of [...SOUND, ...PLANTED]) importers.set(path, [...(importers.get(path) ?? []), imports]);
  for (const [path, imports] of importers) {
    mkdirSync(join(place, dirname(path)), { recursive: true });
    const lines = imports.map((each, at) => `import * as used${at} from '${each}';\nexport const made${at} = used${at};`);
    writeFileSync(join(place, path), `${lines.join('\n')}\n`);
  }
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) cpSync(file, join(place, file));
  symlinkSync(resolve('node_modules'), join(place, 'node_modules'));
  const cruise = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const run = spawnSync(process.execPath, [cruise, 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'], {
    cwd: place,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  violations = (JSON.parse(run.stdout) as { summary: { violations: Violation[] } }).summary.violations;
});

afterAll(() => rmSync(place, { recursive: true }));

function rulesBroken(path: string): string[] {
  return violations.filter((violation) => violation.from === path).map((violation) => violation.rule.name);
}

describe('The direction of imports is checked', () => {
  test.each(PLANTED)('%s may not import %s: %s', (path, _imports, rule) => {
    expect(rulesBroken(path)).toContain(rule);
  });

  test.each(SOUND)('%s may import %s', (path) => {
    expect(rulesBroken(path)).toEqual([]);
  });

  test('has a planted violation for every rule', async () => {
    const config = (await import(resolve('.dependency-cruiser.cjs'))) as { default: { forbidden: readonly { name: string }[] } };
    const rules = config.default.forbidden.map((rule) => rule.name);
    expect(rules.filter((rule) => !PLANTED.some(([, , planted]) => planted === rule))).toEqual([]);
  });
});
