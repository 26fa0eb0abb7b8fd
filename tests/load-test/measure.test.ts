import { describe, expect, test } from '@jest/globals';
import { fatesOf, figuresOf, histogramOf, ledgerOf, type Measured, secondsOf } from '../../load-test/measure.js';
import type { Check, Figures, FleetUse } from '../../load-test/result.js';
import { percentile, summaryOf } from '../../load-test/stats.js';
import { checksOf } from '../../load-test/verdict.js';
import { ALONE, fleetOf, goodRun } from './fixtures.js';

const RATE = 10;

function judged(run: Measured): { figures: Figures; missed: readonly string[] } {
  const figures = figuresOf(run, fatesOf(run), ledgerOf(run));
  return {
    figures,
    missed: checksOf(figures, RATE, ALONE)
      .filter(({ met }: Check) => !met)
      .map(({ name }) => name),
  };
}

describe('A percentile', () => {
  test('is the nearest rank, and of nothing not a number', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
    expect([0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 99, 100]);
    expect(summaryOf([3, 1, 2])).toEqual({ count: 3, avg: 2, p50: 2, p95: 3, p99: 3, max: 3 });
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('A run in which all went well', () => {
  test('meets every objective', () => {
    const { figures, missed } = judged(goodRun());
    expect(missed).toEqual([]);
    expect(figures).toMatchObject({ offered: 20, accepted: 20, delivered: 20, duplicates: 0, lost: 0, errorRate: 0 });
    expect(figures.latency).toMatchObject({ count: 20, p50: 10, p99: 10 });
    expect(figures.repeats).toEqual({ sent: 5, recognised: 5 });
    expect(figures.stages['queue wait: accept → intent']).toMatchObject({ count: 20, p50: 5 });
    expect(figures.stages['http: POST → 202']).toMatchObject({ p50: 5 });
  });

  test('has its seconds and its histogram', () => {
    const run = goodRun();
    const fates = fatesOf(run);
    expect(secondsOf(run, fates)).toEqual(
      [0, 1].map(() => ({ offered: 10, accepted: 10, delivered: 10, errors: 0, p50: 10, p95: 10, p99: 10 })),
    );
    const { bounds, counts } = histogramOf(fates);
    expect(counts[bounds.indexOf(15)]).toBe(20);
  });
});

describe('What goes wrong is seen:', () => {
  test('an effect that happens twice', () => {
    const run = goodRun();
    const [again] = run.arrivals;
    const { figures, missed } = judged({ ...run, arrivals: again === undefined ? [] : [...run.arrivals, { ...again, at: again.at + 5 }] });
    expect(figures.duplicates).toBe(1);
    expect(missed).toEqual(['duplicates']);
  });

  test('a second operation for one notification', () => {
    const run = goodRun();
    const [first] = run.arrivals;
    const { figures, missed } = judged({
      ...run,
      arrivals: first === undefined ? [] : [...run.arrivals, { ...first, operationId: 'other' }],
    });
    expect(figures.violations).toMatchObject({ DUP: 1, GHOST: 1 });
    expect(missed).toEqual(['duplicates', 'ledger violations']);
  });

  test('one that was accepted and never arrived', () => {
    const run = goodRun();
    const { figures, missed } = judged({ ...run, arrivals: run.arrivals.slice(0, -1) });
    expect(figures.lost).toBe(1);
    expect(missed).toEqual(expect.arrayContaining(['lost', 'ledger violations', 'error rate']));
  });

  test('one that was accepted and is not in the store', () => {
    const run = goodRun();
    const { figures, missed } = judged({ ...run, told: run.told.slice(1), arrivals: run.arrivals.slice(1) });
    expect(figures.lost).toBe(1);
    expect(figures.violations).toMatchObject({ LOST: 1 });
    expect(missed).toContain('lost');
  });

  test('a repeat that became work of its own', () => {
    const run = goodRun();
    const item = run.items[3];
    if (item !== undefined) item.repeat = { status: 202, recordId: 'another', hit: false, late: true };
    expect(judged(run).missed).toEqual(expect.arrayContaining(['repeats not recognised', 'ledger violations']));
  });

  test('a server that is slow, refuses, or does not keep up', () => {
    const slow = goodRun();
    const late = slow.arrivals.map((arrival) => ({ ...arrival, at: arrival.at + 600 }));
    expect(judged({ ...slow, arrivals: late }).missed).toEqual(
      expect.arrayContaining(['latency average', 'latency p95', 'latency p99', 'delivered per second']),
    );
    const refusing = goodRun();
    for (const item of refusing.items.slice(10)) Object.assign(item, { status: 503, error: 'http 503', recordId: null, repeat: null });
    const { figures, missed } = judged({ ...refusing, told: refusing.told.slice(0, 10), arrivals: refusing.arrivals.slice(0, 10) });
    expect(figures.errors).toEqual({ 'http 503': 10 });
    expect(missed).toEqual(['accepted per second', 'delivered per second', 'error rate']);
  });
});

describe('Of a cluster, the objectives', () => {
  const missed = (fleet: FleetUse): readonly string[] => {
    const run = goodRun();
    const checks = checksOf(figuresOf(run, fatesOf(run), ledgerOf(run)), RATE, fleet);
    return checks.filter(({ met }) => !met).map(({ name }) => name);
  };

  test('are about each worker, and about all connections together', () => {
    expect(missed(fleetOf())).toEqual([]);
    expect(missed(fleetOf({ memoryMb: 256 }))).toEqual(['memory of a worker']);
    expect(missed(fleetOf({ cpuPercent: 71 }))).toEqual(['CPU of a worker']);
    expect(missed({ ...fleetOf(), connections: 50, queueDepth: 10_000 })).toEqual(['connections to the store', 'queue depth']);
  });

  test('are about workers alone, and about what was told', () => {
    const { members, ...rest } = fleetOf({ memoryMb: null, cpuPercent: null });
    const busyApi = members.map((member) => (member.workerId === 'api-1' ? { ...member, cpuPercent: 99, memoryMb: 900 } : member));
    expect(missed({ ...rest, members: busyApi, queueDepth: null })).toEqual([]);
  });
});
