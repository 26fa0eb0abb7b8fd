import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { appendHistory, readHistory } from '../../load-test/history.js';
import { fatesOf, figuresOf, histogramOf, ledgerOf, secondsOf } from '../../load-test/measure.js';
import { print } from '../../load-test/print.js';
import { renderReport } from '../../load-test/report.js';
import type { Result } from '../../load-test/result.js';
import { historyOf } from '../../load-test/steady.js';
import { checksOf } from '../../load-test/verdict.js';
import { fleetOf, goodRun } from './fixtures.js';

function resultOf(): Result {
  const run = goodRun();
  const fleet = fleetOf({ workerId: 'worker-<2>' });
  const fates = fatesOf(run);
  const figures = figuresOf(run, fates, ledgerOf(run));
  const checks = checksOf(figures, 10, fleet);
  return {
    at: '2026-11-22T10:00:00.000Z',
    command: 'npm run load-test -- --url </script><b>',
    scenario: 'steady',
    node: 'v20.19.0',
    machine: 'a machine',
    target: { url: 'http://127.0.0.1:3001', own: false, receiver: 'a receiver', kind: 'cluster', apis: 1, workers: 2 },
    load: { duration: 2, rate: 10, users: 5, channels: ['webhook'], arrivals: 'constant' },
    figures,
    fleet,
    baselines: { sqlitePerSecond: 3000, commitsPerSecond: 200, receiverPerSecond: 5000, receiverLatency: figures.latency },
    checks,
    passed: checks.every(({ met }) => met),
    seconds: secondsOf(run, fates),
    histogram: histogramOf(fates),
    looks: [{ at: 1, open: 3, waiting: 1, taken: 2, cpuPercent: 12, rssMiB: 80 }],
    shownViolations: [],
  };
}

describe('The report', () => {
  let html = '';
  beforeAll(async () => {
    html = await renderReport(resultOf(), [historyOf(resultOf())]);
  });

  test('needs nothing from outside of its file', () => {
    expect(html).not.toMatch(/<(link|img|iframe|script)[^>]*\s(src|href)=/i);
    expect(html).not.toMatch(/@import|url\(/);
    expect(html).toContain("default-src 'none'");
  });

  test('has its figures as tables, without any script', () => {
    const tables = html.slice(0, html.indexOf('<section class="charts">'));
    for (const figure of [
      'delivered per second',
      '10.00 /s',
      'queue wait: accept → intent',
      'bare SQLite',
      '3000',
      'cluster, 1 API, 2 workers',
      'worker-&lt;2&gt;',
    ]) {
      expect(tables).toContain(figure);
    }
  });

  test('gives every chart that is drawn a place and its data', () => {
    const places = [...html.matchAll(/<figure>.*?<div id="(\w+)"><\/div>/g)].map(([, id]) => id);
    expect(places).toEqual(['latency', 'histogram', 'backlog', 'rates', 'server', 'trend']);
    const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    const data = JSON.parse(json) as { seconds: unknown[]; trend: unknown[] };
    expect(data.seconds).toHaveLength(2);
    expect(data.trend).toEqual([{ at: Date.parse('2026-11-22T10:00:00.000Z'), rate: 10, p99: 10, delivered: 10, passed: true }]);
  });

  test('takes what was said on the command line for text', () => {
    expect(html).not.toContain('--url </script><b>');
    expect(html).toContain('--url &lt;/script&gt;&lt;b&gt;');
    expect(html.match(/<\/script>/g)).toHaveLength(2);
  });
});

describe('For a person', () => {
  test('each process of a fleet has its line, and all their connections and the queue one', () => {
    const lines = print(resultOf()).split('\n');
    expect(lines.find((line) => line.includes('worker-1'))).toMatch(/worker-1 +12\.0 +90 +11 +7 +worker$/);
    expect(lines).toContain('  all together: at most 3 wake-ups waiting, at most 22 connections to the store');
  });

  test('what was not measured is left out or a dash', () => {
    const { baselines, ...rest } = resultOf();
    const { members, ...fleet } = rest.fleet;
    const silent = members.map((member) => ({ ...member, cpuPercent: null, memoryMb: null, delivered: null, connections: null }));
    const text = print({
      ...rest,
      baselines: baselines === null ? null : { ...baselines, sqlitePerSecond: null, commitsPerSecond: null },
      fleet: { ...fleet, members: silent },
    });
    expect(text).not.toContain('SQLite');
    expect(text).toMatch(/worker-1 +- +- +- +- +worker/);
    expect(text).not.toMatch(/NaN|null|undefined/);
  });
});

describe('The history', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-history-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('is a line for each run, and a broken line does not end it', () => {
    const path = join(directory, 'deeper', 'history.jsonl');
    expect(readHistory(path)).toEqual([]);
    appendHistory(path, historyOf(resultOf()));
    const { figures } = resultOf();
    expect(readHistory(path)).toHaveLength(1);
    expect(readHistory(path)[0]).toMatchObject({ load: { rate: 10 }, figures: { latency: figures.latency } });
    writeFileSync(path, 'half a li\n', { flag: 'a' });
    appendHistory(path, historyOf(resultOf()));
    expect(readHistory(path)).toHaveLength(2);
  });
});
