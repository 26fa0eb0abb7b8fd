import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { linkTo } from '../../scripts/dashboards/runbook.js';
import { eventually, notification, startApp, type TestApp } from '../support/app.js';
import { RUNBOOK_URL } from '../support/servers/prometheus.js';
import { dashboards, nameOf, panelQueries, rules, selectors } from './shipped.js';
import { startWatchers, type Watchers } from './watchers.js';

const MINUTES_TO_INSTALL = 300_000;
/** Five-minute rates have a value with the second scrape; the rest follows within seconds. */
const WITHIN_MS = 60_000;
/** Without it, none of the numbers below would be there. */
const TOKEN = 'asked-of-whoever-scrapes';

/** What is there only where there are several processes and servers, or once something bad has happened; with the reason. */
const NOT_HERE: readonly (readonly [selector: RegExp, reason: string])[] = [
  [/^signalbox_fleet_lost\{|^signalbox:(workers|apis)_lost$/, 'nobody is lost'],
  [/^up\{job="(worker|rabbitmq|nginx)"\}$/, 'one process alone, without a broker or nginx'],
  [/^signalbox_dependency_up\{/, 'the embedded store is no server'],
  [/^rabbitmq_|^signalbox_redis_connections$/, 'no broker, no Redis'],
  [/^signalbox_http_requests_total\{.*status=~"5\.\."/, 'no request failed'],
  [/^alertmanager_notifications_failed_total$/, 'nothing failed to be sent: it has a series for each way all the same'],
  [/^ALERTS\{/, 'is about alerts, which another test is about'],
];

/** The variables of dashboards as Grafana would fill them in: all, and four scrapes. */
function filledIn(expr: string): string {
  return expr.replaceAll('$__rate_interval', '8s').replaceAll(/\$(channel|instance|slo)\b/g, '.*');
}

/** Notifications by every channel, repeats, and a provider that fails, until it is told to stop. */
function underLoad(app: TestApp): { readonly stop: () => Promise<void> } {
  let going = true;
  const hook = (name: string) => ({ channels: ['webhook'], to: { webhook: `${app.url}/sink/webhook/${name}` } });
  const kinds = [
    {},
    { channels: ['sms'], to: { phone: '+351912345678' } },
    { channels: ['in-app'], to: undefined },
    { channels: ['push'], to: { pushToken: 'token' } },
    hook('shaky'),
    { idempotencyKey: 'same', userId: 'user-1' },
    { to: { email: 'nobody' } },
  ];
  const run = async (): Promise<void> => {
    for (let n = 0; going; n += 1) {
      const change = kinds[n % kinds.length] ?? {};
      await app.send('POST', '/api/v1/notifications', notification({ userId: `user-${n % 9}`, ...change }));
      // Every other one is the one before, once more.
      const half = Math.floor(n / 2);
      const message = { conversationId: `room-${half % 9}`, senderId: 'ada', content: 'Hello', clientMessageId: `m-${half}` };
      await app.send('POST', '/api/v1/messages', message);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const done = run();
  return {
    async stop() {
      going = false;
      await done;
    },
  };
}

/** An alert as Alertmanager tells of it. */
interface Told {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

describe('A real Prometheus that watches a real server under load', () => {
  let app: TestApp;
  let load: ReturnType<typeof underLoad>;
  let watchers: Watchers;
  const told: Told[] = [];
  const receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      told.push(...(JSON.parse(Buffer.concat(parts).toString()) as { alerts: Told[] }).alerts);
      response.end();
    });
  });

  beforeAll(async () => {
    app = await startApp({ METRICS_TOKEN: TOKEN, MAX_RETRY_ATTEMPTS: '1', BREAKER_FAILURES: '3', BREAKER_OPEN_MS: '1000' });
    await app.send('PUT', '/sink/behaviour', { channel: 'webhook', name: 'shaky', then: { do: 'status', status: 503 } });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as { port: number };
    watchers = await startWatchers({
      targets: () => ({ api: [{ name: 'api-1', address: new URL(app.url).host }] }),
      everyS: 1,
      metricsToken: TOKEN,
      tell: (name) => `http://127.0.0.1:${port}/${name}`,
    });
    load = underLoad(app);
  }, MINUTES_TO_INSTALL);
  afterAll(async () => {
    await load?.stop();
    await watchers?.stop();
    receiver.close();
    await app?.stop();
  }, 60_000);

  const answered = (expr: string): Promise<boolean> =>
    eventually(async () => (await watchers.ask(expr)).length > 0, WITHIN_MS).catch((error: unknown) => {
      throw new Error(`nothing from ${expr}`, { cause: error });
    });

  it('has something to show in every panel of every dashboard', async () => {
    const empty: string[] = [];
    for (const { where, expr, mayBeEmpty } of panelQueries()) {
      if (mayBeEmpty) await watchers.ask(filledIn(expr));
      else await answered(filledIn(expr)).catch((error: Error) => empty.push(`${where}: ${error.message}`));
      if (empty.length > 3) break;
    }
    expect(empty).toEqual([]);
  }, 300_000);

  it('has something to choose from in every variable', async () => {
    for (const { templating } of dashboards()) {
      for (const { type, query } of templating.list) {
        if (type !== 'query') continue;
        const asked = typeof query === 'string' ? query : query.query;
        const [, metric = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(asked) ?? [];
        await answered(`count by (${label}) (${metric}{${label}!=""})`);
      }
    }
  }, 120_000);

  it('finds a value for everything that a rule asks for, but for what is bad or not here', async () => {
    const asked = new Set(rules().flatMap(({ expr }) => selectors(expr)));
    expect(asked.size).toBeGreaterThan(40);
    const missing: string[] = [];
    for (const selector of asked) {
      if (NOT_HERE.some(([pattern]) => pattern.test(selector))) continue;
      await answered(selector).catch(() => missing.push(selector));
      if (missing.length > 3) break;
    }
    expect(missing).toEqual([]);
  }, 300_000);

  it('is asked for no metric that nobody has', async () => {
    const scrapes = await Promise.all(
      [app.url, watchers.prometheus.uri, watchers.alertmanager.uri].map(async (url) =>
        (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text(),
      ),
    );
    const types = [...scrapes.join('\n').matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    const shown = types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
    const known = new Set([...shown, ...rules().flatMap(({ record }) => record ?? []), 'up', 'ALERTS']);
    const asked = [...rules().map(({ expr }) => expr), ...panelQueries().map(({ expr }) => filledIn(expr))].flatMap(selectors).map(nameOf);
    const fromServers = /^(rabbitmq_\w+|signalbox_redis_connections)$/;
    expect([...new Set(asked)].filter((name) => !known.has(name) && !fromServers.test(name))).toEqual([]);
  });

  it('leads who is told of an alert to its section of the runbook, at RUNBOOK_URL', async () => {
    const watchdog = (): Told | undefined => told.find(({ labels }) => labels['alertname'] === 'Watchdog');
    // Where Prometheus tells of it before it knows Alertmanager, it does so again after a minute.
    await eventually(async () => watchdog() !== undefined, 2 * WITHIN_MS);
    expect(watchdog()?.annotations['runbook_url']).toBe(`${RUNBOOK_URL}${linkTo('Watchdog')}`);
    // No label, or an alert would be another one wherever the runbook is read elsewhere.
    expect(watchdog()?.labels).not.toHaveProperty('runbook');
  }, 180_000);

  it('evaluates every rule without failing', async () => {
    const answer = await fetch(`${watchers.prometheus.uri}/api/v1/rules`);
    const { data } = (await answer.json()) as { data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] } };
    const all = data.groups.flatMap((group) => group.rules);
    expect(all).toHaveLength(rules().length);
    expect(all.filter(({ health }) => health !== 'ok')).toEqual([]);
  });
});
