import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { linkTo } from '../../scripts/dashboards/runbook.js';
import { ensureInstalled } from '../support/servers/install.js';
import { ALERTS, dashboards, panelQueries, rules, selectors, yaml } from './shipped.js';

const run = promisify(execFile);
const MINUTES_TO_INSTALL = 300_000;
const alerts = rules().filter((rule) => rule.alert !== undefined);

describe('What Prometheus and Alertmanager are given', () => {
  let place: string;
  beforeAll(async () => {
    await Promise.all([ensureInstalled('prometheus'), ensureInstalled('alertmanager')]);
    place = await mkdtemp(join(tmpdir(), 'signalbox-monitoring-'));
  }, MINUTES_TO_INSTALL);
  afterAll(() => rm(place, { recursive: true, force: true }));

  it('is a configuration that Prometheus takes', async () => {
    const shipped = await readFile('prometheus.yml', 'utf8');
    expect(shipped).toContain('/etc/prometheus/alerts/*.yml');
    const here = shipped.replace('/etc/prometheus/alerts', resolve(ALERTS));
    await writeFile(join(place, 'prometheus.yml'), here);
    await mkdir(join(place, 'prometheus'));
    await copyFile('prometheus/metrics-token', join(place, 'prometheus/metrics-token'));
    const { stdout } = await run('promtool', ['check', 'config', join(place, 'prometheus.yml')]);
    expect(stdout).toMatch(/\d+ rules found/);
  });

  it('are rules whose tests pass: each alert fires when it should, and not just below', async () => {
    const files = ['alerting', 'availability', 'dependencies', 'errors', 'phase3-queue', 'saturation', 'slo'].map(
      (name) => `prometheus/tests/${name}.test.yml`,
    );
    const { stdout } = await run('promtool', ['test', 'rules', ...files], { maxBuffer: 16 * 1024 * 1024 });
    expect(stdout.match(/SUCCESS/g)).toHaveLength(files.length);
  }, 120_000);

  it('is a configuration that Alertmanager takes', async () => {
    await run('amtool', ['check-config', 'docker/alertmanager.yml']);
  });

  it.each([
    ['severity=critical', 'pager,chat'],
    ['severity=warning', 'mail-and-chat'],
    ['severity=info', 'chat'],
    ['alertname=Watchdog', 'dead-mans-switch'],
  ])('tells of %s by %s', async (label, receivers) => {
    const { stdout } = await run('amtool', ['config', 'routes', 'test', '--config.file', 'docker/alertmanager.yml', label]);
    expect(stdout.trim()).toBe(receivers);
  });

  it('keeps what is secret in files', async () => {
    const text = await readFile('docker/alertmanager.yml', 'utf8');
    expect(text).not.toMatch(/^\s*(- )?(smtp_auth_password|routing_key|service_key|api_url|slack_api_url|credentials|password):/m);
    expect(text.match(/_file: \/etc\/alertmanager\/secrets\//g)?.length).toBeGreaterThanOrEqual(4);
  });

  it('holds nothing back on account of an alert that does not exist', () => {
    const { inhibit_rules } = yaml<{ inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[] }>(
      'docker/alertmanager.yml',
    );
    const matchers = inhibit_rules.flatMap((rule) => [...rule.source_matchers, ...rule.target_matchers]);
    const patterns = matchers.filter((matcher) => matcher.startsWith('alertname')).flatMap((matcher) => wordsOf(matcher));
    expect(patterns.length).toBeGreaterThan(10);
    for (const pattern of patterns) expect(alerts.filter(({ alert }) => new RegExp(`^(?:${pattern})$`).test(alert ?? ''))).not.toEqual([]);
  });
});

function wordsOf(matcher: string): readonly string[] {
  const pattern = matcher.replace(/^alertname\s*=~?\s*/, '').replaceAll('"', '');
  return pattern.includes('(') ? [pattern] : pattern.split('|');
}

describe('Every alert', () => {
  it('is there once', () => {
    const names = alerts.map(({ alert }) => alert);
    expect(names.length).toBeGreaterThan(30);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(alerts.map(({ alert = '', ...rule }) => ({ alert, rule })))(
    '$alert has a severity, words for a person and a section in the runbook',
    async ({ alert, rule }) => {
      expect(rule.labels?.['severity']).toMatch(/^(critical|warning|info|none)$/);
      expect(rule.annotations?.['summary']).toBeTruthy();
      expect(rule.annotations?.['description']).toBeTruthy();
      expect(rule.annotations?.['runbook_url']).toBe(`{{ $externalLabels.runbook }}${linkTo(alert)}`);
      const runbook = await readFile('docs/runbook.md', 'utf8');
      const section = runbook.split(/^## /m).find((each) => each.startsWith(`${alert}\n`));
      expect(section).toContain('**Means**');
    },
  );

  it.each(alerts.map(({ alert = '' }) => alert))('%s has a test in which it fires, and one in which it does not', async (alert) => {
    const cases = rulesTests().filter(({ expr }) => expr.includes(`alertname="${alert}"`));
    const values = cases.map(({ exp_samples }) => exp_samples[0]?.value);
    expect(values).toContain(1);
    if (alert !== 'Watchdog') expect(values).toContain(0);
  });
});

interface Expected {
  readonly expr: string;
  readonly exp_samples: readonly { readonly value: number }[];
}

function rulesTests(): readonly Expected[] {
  const names = ['alerting', 'availability', 'dependencies', 'errors', 'phase3-queue', 'saturation', 'slo'];
  return names.flatMap((name) =>
    yaml<{ tests: { promql_expr_test: Expected[] }[] }>(`prometheus/tests/${name}.test.yml`).tests.flatMap((test) => test.promql_expr_test),
  );
}

test('Grafana tells Alertmanager again before that takes what it was told to be over', () => {
  const seconds = (text = ''): number => Number(/^(\d+)m$/.exec(text)?.[1]) * 60;
  interface Policy {
    readonly group_interval: string;
    readonly repeat_interval: string;
  }
  const { policies } = yaml<{ policies: Policy[] }>('grafana/provisioning/alerting/signalbox.yml');
  const { global } = yaml<{ global: { resolve_timeout: string } }>('docker/alertmanager.yml');
  expect(policies).toHaveLength(1);
  // It repeats on a beat of its groups only.
  for (const { group_interval, repeat_interval } of policies) {
    expect(seconds(group_interval) + seconds(repeat_interval)).toBeLessThan(seconds(global.resolve_timeout));
  }
});

describe('The runbook', () => {
  const GRAFANA = 'grafana/provisioning/alerting/signalbox.yml';

  it.each(['docker-compose.yml', 'docker-compose.scale.yml'])(
    'is where RUNBOOK_URL says, else at the Grafana of %s, for Prometheus and for Grafana',
    (file) => {
      interface Service {
        readonly ports?: readonly string[];
        readonly environment: Readonly<Record<string, string>>;
      }
      const { services } = yaml<{ services: { prometheus: Service; grafana: Service } }>(file);
      const port = /^127\.0\.0\.1:(\d+):3000$/.exec(services.grafana.ports?.[0] ?? '')?.[1];
      const uid = dashboards().find(({ title }) => title === 'Signalbox: runbook')?.uid;
      const lead = `\${RUNBOOK_URL:-http://localhost:${port}/d/${uid}}`;
      for (const { environment } of [services.prometheus, services.grafana]) expect(environment['RUNBOOK_URL']).toBe(lead);
    },
  );

  it('is led into by the number of a panel, since Grafana does not go by names: of each alert its own', async () => {
    interface Shown {
      readonly panels: readonly { readonly id: number; readonly title: string; readonly options?: { readonly content?: string } }[];
    }
    const { panels } = JSON.parse(await readFile('grafana/dashboards/runbook.json', 'utf8')) as Shown;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { alert = '' } of alerts) {
      const number = Number(/^\?viewPanel=(\d+)#/.exec(linkTo(alert))?.[1]);
      expect(panels.find(({ id }) => id === number)?.title).toBe(alert);
    }
    const links = panels.flatMap(({ options }) =>
      [...(options?.content ?? '').matchAll(/\]\(\?viewPanel=(\d+)#/g)].map((link) => Number(link[1])),
    );
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect(panels.map(({ id }) => id)).toContain(link);
    expect(panels.filter(({ options }) => options?.content?.includes('](#') === true)).toEqual([]);
  });

  it('is put into the links by Prometheus, which is told to, and by Grafana', () => {
    const { services } = yaml<{ services: { prometheus: { command: readonly string[] } } }>('docker/compose.watch.yml');
    expect(services.prometheus.command).toContain('--enable-feature=expand-external-labels');
    const { global } = yaml<{ global: { external_labels: object } }>('prometheus.yml');
    expect(global.external_labels).toEqual({ runbook: `\${RUNBOOK_URL}` });
    const { groups } = yaml<{ groups: { rules: { title: string; annotations: { runbook_url: string } }[] }[] }>(GRAFANA);
    for (const { title, annotations } of groups.flatMap((group) => group.rules)) {
      expect(annotations.runbook_url).toBe(`\${RUNBOOK_URL}${linkTo(title)}`);
    }
  });

  it('has a section for nothing but alerts, and links that lead somewhere', async () => {
    const runbook = await readFile('docs/runbook.md', 'utf8');
    const grafana = yaml<{ groups: { rules: { title: string }[] }[] }>(GRAFANA);
    const known = [...alerts.map(({ alert = '' }) => alert), ...grafana.groups.flatMap((group) => group.rules.map(({ title }) => title))];
    const sections = [...runbook.matchAll(/^## (.*)$/gm)].map(([, title = '']) => title);
    expect([...sections].sort()).toEqual([...known].sort());
    const anchors = new Set(sections.map((title) => title.toLowerCase()));
    for (const [, anchor = ''] of runbook.matchAll(/\]\(#([^)]*)\)/g)) expect(anchors).toContain(anchor);
  });
});

describe('The dashboards', () => {
  it('are what their source says', async () => {
    await run(process.execPath, ['--import', 'tsx', 'scripts/dashboards.ts', '--check']);
  }, 60_000);

  it('have a uid and a title of their own, and panels of different numbers and names', () => {
    const boards = dashboards();
    expect(new Set(boards.map(({ uid }) => uid)).size).toBe(boards.length);
    expect(new Set(boards.map(({ title }) => title)).size).toBe(boards.length);
    expect(panelQueries().length).toBeGreaterThan(60);
  });

  it('seldom have a panel that may be empty', () => {
    const queries = panelQueries();
    expect(queries.filter(({ mayBeEmpty }) => mayBeEmpty).length).toBeLessThan(queries.length / 6);
  });

  it('take their data from the source that is chosen; the one for import asks for it', () => {
    for (const board of dashboards()) {
      const own = board.__inputs === undefined ? '$datasource' : `\${${board.__inputs[0]?.name}}`;
      const uids = [...JSON.stringify(board).matchAll(/"datasource":\{"type":"prometheus","uid":"([^"]*)"\}/g)].map(([, uid]) => uid);
      if (board.uid !== 'signalbox-runbook') expect(uids.length).toBeGreaterThan(10);
      expect(new Set(uids)).toEqual(new Set(board.uid === 'signalbox-runbook' ? [] : [own]));
    }
  });
});

describe('Looking for metrics in an expression', () => {
  it('finds them with their labels, and nothing else', () => {
    expect(selectors('sum by (le, x) (rate(a_b{c="d{e}",f=~"g|h"}[5m])) / on (job) i:j > 0.5 * (1 - k) or vector(0)')).toEqual([
      'a_b{c="d{e}",f=~"g|h"}',
      'i:j',
      'k',
    ]);
  });
});
