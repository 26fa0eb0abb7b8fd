import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { type StandaloneSink, startStandaloneSink } from '../../src/sink/standalone.js';
import { eventually } from '../support/app.js';
import { type OwnServer, startOwn } from '../support/servers/own.js';
import { type Installation, installation } from './installation.js';

const MINUTES_TO_INSTALL = 300_000;
/** Warnings wait 10 s for others of their group. */
const WITHIN_MS = 60_000;

describe('Alertmanager, with what scripts/setup.sh made of ALERT_…', () => {
  let here: Installation;
  let sink: StandaloneSink;
  let alertmanager: OwnServer;

  beforeAll(async () => {
    sink = await startStandaloneSink({ clock: createSystemClock(), timers: createSystemTimers(), httpPort: 0, smtpPort: 0 });
    here = installation();
    const webhook = (name: string): string => `${sink.httpUrl}/sink/webhook/${name}`;
    here.setup(['--production'], {
      ALERT_EMAIL_TO: 'ops@example.com',
      ALERT_SMTP_FROM: 'alerts@example.com',
      ALERT_SMTP_SMARTHOST: `127.0.0.1:${sink.smtpPort}`,
      ALERT_SMTP_REQUIRE_TLS: 'false',
      ALERT_CHAT_URL: webhook('chat'),
      ALERT_PAGER_URL: webhook('pager'),
      ALERT_PAGER_KEY: 'a-routing-key',
      ALERT_HEARTBEAT_URL: webhook('heartbeat'),
    });
    const made = join(here.directory, 'docker/alertmanager/production');
    const dataDir = join(here.directory, 'alertmanager');
    mkdirSync(dataDir);
    // As it is mounted in a container.
    const mounted = readFileSync(join(made, 'alertmanager.yml'), 'utf8').replaceAll('/etc/alertmanager/secrets', join(made, 'secrets'));
    writeFileSync(join(dataDir, 'alertmanager.yml'), mounted);
    alertmanager = await startOwn('alertmanager', { dataDir });
  }, MINUTES_TO_INSTALL);
  afterAll(async () => {
    await alertmanager?.dispose();
    await sink?.stop();
    here?.remove();
  });

  it.each([
    ['Try', 'critical', ['chat', 'pager']],
    ['Try', 'warning', ['chat', 'ops@example.com']],
    ['Watchdog', 'none', ['heartbeat']],
  ])(
    'tells of %s, which is %s, by %s',
    async (alertname, severity, targets) => {
      sink.sink.clear();
      const alert = { labels: { alertname, severity }, annotations: { summary: 'Only a try', runbook_url: 'https://runbook.example.org' } };
      await fetch(`${alertmanager.uri}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([alert]),
      });
      const told = (): readonly string[] => [...new Set(sink.sink.list().arrivals.map(({ target }) => target))].sort();
      await eventually(async () => told().length >= targets.length, WITHIN_MS);
      expect(told()).toEqual(targets);
    },
    2 * WITHIN_MS,
  );
});
