import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { type StandaloneSink, startStandaloneSink } from '../../src/sink/standalone.js';
import { eventually } from '../support/app.js';
import { makeCertificate } from '../support/certificate.js';
import { type OwnServer, startOwn } from '../support/servers/own.js';
import { type Installation, installation } from './installation.js';

const MINUTES_TO_INSTALL = 300_000;
/** Warnings wait 10 s for others of their group. */
const WITHIN_MS = 60_000;

/** Alertmanager with what was made there, as it is mounted in a container. */
function startAlertmanager({ directory }: Installation, changed = (config: string): string => config): Promise<OwnServer> {
  const made = join(directory, 'docker/alertmanager/production');
  const dataDir = join(directory, 'alertmanager');
  mkdirSync(dataDir);
  const mounted = readFileSync(join(made, 'alertmanager.yml'), 'utf8').replaceAll('/etc/alertmanager/secrets', join(made, 'secrets'));
  writeFileSync(join(dataDir, 'alertmanager.yml'), changed(mounted));
  return startOwn('alertmanager', { dataDir });
}

async function raise({ uri }: OwnServer, alertname: string, severity: string): Promise<void> {
  const alert = { labels: { alertname, severity }, annotations: { summary: 'Only a try', runbook_url: 'https://runbook.example.org' } };
  await fetch(`${uri}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([alert]),
  });
}

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
    alertmanager = await startAlertmanager(here);
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
      await raise(alertmanager, alertname, severity);
      const told = (): readonly string[] => [...new Set(sink.sink.list().arrivals.map(({ target }) => target))].sort();
      await eventually(async () => told().length >= targets.length, WITHIN_MS);
      expect(told()).toEqual(targets);
    },
    2 * WITHIN_MS,
  );
});

/** An address of this machine on whose port 465 no other test listens, or null where only root may listen there. */
async function addressFor465(): Promise<string | null> {
  const address = `127.0.71.${(process.pid % 250) + 1}`;
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(null));
    probe.listen(465, address, () => probe.close(() => resolve(address)));
  });
}

const address = await addressFor465();
const RELAY = 'smtps:// relay that wants a sign-in';
(address === null ? describe.skip : describe)(`Alertmanager, with an ${RELAY}${address === null ? ' (skipped: port 465)' : ''}`, () => {
  let here: Installation;
  let relay: SMTPServer;
  let alertmanager: OwnServer;
  const mails: { readonly secure: boolean; readonly user: unknown; readonly to: readonly string[] }[] = [];

  beforeAll(async () => {
    here = installation();
    const { key, crt } = await makeCertificate(here.directory, `IP:${address}`);
    relay = new SMTPServer({
      secure: true,
      key: readFileSync(key),
      cert: readFileSync(crt),
      logger: false,
      disableReverseLookup: true,
      onAuth({ username, password }, _session, done) {
        if (username === 'us@er' && password === 'p%word') done(null, { user: username });
        else done(new Error('refused'));
      },
      onData(stream, { secure, user, envelope }, done) {
        stream.resume().once('end', () => {
          mails.push({ secure, user, to: envelope.rcptTo.map((each) => each.address) });
          done();
        });
      },
    });
    relay.on('error', () => {});
    await new Promise<void>((resolve) => void relay.listen(465, address ?? '', resolve));
    expect(relay.server.address() as AddressInfo).toMatchObject({ address, port: 465 });
    here.setup(['--production', '--smtp-url', `smtps://us%40er:p%25word@${address}`], {
      ALERT_EMAIL_TO: 'ops@example.com',
      ALERT_SMTP_FROM: 'alerts@example.com',
    });
    // The relay of a test is certified by itself.
    const to = "- to: 'ops@example.com' # ALERT_EMAIL_TO\n";
    alertmanager = await startAlertmanager(here, (config) => config.replace(to, `${to}        tls_config: {ca_file: ${crt}}\n`));
  }, MINUTES_TO_INSTALL);
  afterAll(async () => {
    await alertmanager?.dispose();
    await new Promise<void>((resolve) => (relay === undefined ? resolve() : relay.close(resolve)));
    here?.remove();
  });

  it(
    'sends mail by it, signed in and under TLS',
    async () => {
      await raise(alertmanager, 'Try', 'warning');
      await eventually(async () => mails.length > 0, WITHIN_MS);
      expect(mails).toEqual([{ secure: true, user: 'us@er', to: ['ops@example.com'] }]);
    },
    2 * WITHIN_MS,
  );
});
