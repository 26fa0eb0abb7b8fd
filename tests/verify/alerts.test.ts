import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { OF_ALERTS } from '../../verify/checks/alerts.js';
import type { Verdict } from '../../verify/judge.js';
import { type Rule, rules } from '../monitoring/shipped.js';
import { judgedBy } from './judged.js';

const IDS = OF_ALERTS.map(({ id }) => id);
const UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** A Prometheus that has loaded these rules, and has a series of everything but of what matches `missing`. */
function loaded(all: readonly Rule[], missing = /(?!)/, health = 'ok') {
  const each = all.map((rule) => ({
    type: rule.alert === undefined ? 'recording' : 'alerting',
    name: rule.alert ?? rule.record,
    health,
    // As Prometheus writes it.
    query: rule.expr
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/0\.10\b/g, '0.1'),
    duration: Number.parseInt(rule.for ?? '0', 10) * (UNIT[(rule.for ?? '0s').slice(-1)] ?? 0),
    labels: rule.labels,
    annotations: rule.annotations,
  }));
  return (path: string): unknown => {
    if (path === '/api/v1/rules') return { status: 'success', data: { groups: [{ name: 'all', rules: each }] } };
    const [, expr] = /^\/api\/v1\/query\?query=(.*)$/.exec(path) ?? [];
    if (expr === undefined) return undefined;
    const result = missing.test(decodeURIComponent(expr)) ? [] : [{ value: [0, '1'] }];
    return { status: 'success', data: { result } };
  };
}

function judged(ids: readonly string[], answer: (path: string) => unknown, root = process.cwd()): Promise<readonly Verdict[]> {
  return judgedBy(OF_ALERTS, ids, 'compose', { root, answer });
}

/** The shipped rules with something else in one of them. */
function but(alert: string, change: Partial<Rule>): readonly Rule[] {
  const changed = rules().map((rule) => (rule.alert === alert ? { ...rule, ...change } : rule));
  expect(changed).not.toEqual(rules());
  return changed;
}

describe('The checks of alerts', () => {
  test('are met by the rules that are shipped, where Prometheus has loaded them', async () => {
    const verdicts = await judged(IDS, loaded(rules()));
    expect(verdicts.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect(verdicts).toHaveLength(IDS.length);
  });

  test('are met in part by the files alone, where there is no Prometheus', async () => {
    const verdicts = await judgedBy(OF_ALERTS, IDS, 'embedded', { root: process.cwd() }, { prometheus: null });
    expect(verdicts.filter(({ outcome }) => outcome !== 'in part')).toEqual([]);
  });

  test.each([
    ['another threshold', 'ALR-08', 'DiskSpaceLow', { expr: 'signalbox:disk_free_ratio < 0.05' }],
    ['a threshold ten times as high', 'ALR-13', 'QueueDepthHigh', { expr: 'signalbox:queue_depth > 10000' }],
    ['another duration', 'ALR-15', 'CircuitBreakerOpen', { for: '10m' }],
    ['a worker that is told of too late', 'X-09', 'WorkerNotAnswering', { for: '2m' }],
    ['another severity', 'ALR-18', 'DuplicateDeliveries', { labels: { severity: 'warning' } }],
    ['no link into the runbook', 'ALR-10', 'ResponseTimeHigh', { annotations: {} }],
    ['a link to another panel', 'ALR-11', 'CpuHigh', { annotations: { runbook_url: 'https://runbook.example.org?viewPanel=1#cpuhigh' } }],
    ['a link to somewhere else', 'ALR-11', 'CpuHigh', { annotations: { runbook_url: 'https://runbook.example.org#memoryhigh' } }],
  ])('are not met where there is %s', async (_what, id, alert, change) => {
    const [verdict] = await judged([id], loaded(but(alert, change)));
    expect(verdict).toMatchObject({ outcome: 'failed', expected: expect.stringContaining(alert) });
  });

  test('are not met where an alert is missing, cannot be evaluated, or looks at what nobody has', async () => {
    const without = rules().filter(({ alert }) => alert !== 'ServiceDown');
    expect(await judged(['ALR-04', 'X-09'], loaded(without))).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed' }]);
    const sick = await judged(IDS, loaded(rules(), undefined, 'err'));
    expect(sick.filter(({ outcome }) => outcome !== 'failed')).toEqual([]);
    // The expression of an alert gives nothing while all is well; what it is made of must be there.
    const deaf = await judged(['ALR-06'], loaded(rules(), /^signalbox_dependency_up\{name="redis"\}$/));
    expect(deaf).toMatchObject([{ outcome: 'failed', expected: expect.stringContaining('RedisConnectionFailure') }]);
  });

  test('are not met where the runbook has no section on an alert', async () => {
    const root = mkdtempSync(join(tmpdir(), 'signalbox-runbook-'));
    try {
      mkdirSync(join(root, 'docs'));
      const runbook = readFileSync('docs/runbook.md', 'utf8');
      mkdirSync(join(root, 'grafana/dashboards'), { recursive: true });
      copyFileSync('grafana/dashboards/runbook.json', join(root, 'grafana/dashboards/runbook.json'));
      writeFileSync(join(root, 'docs/runbook.md'), runbook.replace('## DiskSpaceLow\n', '## Disk\n'));
      const verdicts = await judged(['ALR-08', 'ALR-10'], loaded(rules()), root);
      expect(verdicts).toMatchObject([{ outcome: 'failed', expected: 'a section on DiskSpaceLow in the runbook' }, { outcome: 'passed' }]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
