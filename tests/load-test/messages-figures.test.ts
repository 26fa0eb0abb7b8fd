import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendHistory, readHistory, readMessageHistory } from '../../load-test/history.js';
import { auditOf, type Stored } from '../../load-test/messages/audit.js';
import type { Sent } from '../../load-test/messages/load.js';
import { checksOf, figuresOf, histogramOf, type Measured, secondsOf } from '../../load-test/messages/measure.js';
import { print } from '../../load-test/messages/print.js';
import { renderMessageReport } from '../../load-test/messages/report.js';
import type { MessageResult } from '../../load-test/messages/result.js';
import { historyOf } from '../../load-test/messages/run.js';
import { fleetOf } from './fixtures.js';

const STARTED_AT = Date.parse('2026-11-22T10:00:00Z');
/** Accept to stored: quick in the first phase, slow in the second. */
const STORED_MS = [4, 40] as const;

/** Two seconds at 10/s, then two at 20/s; each answered 5 ms after it was due. */
function sentOf(): Sent[] {
  const times = [...Array.from({ length: 20 }, (_, n) => n * 100), ...Array.from({ length: 40 }, (_, n) => 2000 + n * 50)];
  return times.map((time, n) => ({
    n,
    conversationId: 'room',
    clientMessageId: `c-${n}`,
    content: `Message ${n}`,
    intendedAt: STARTED_AT + time,
    sentAt: STARTED_AT + time,
    answeredAt: STARTED_AT + time + 5,
    status: 202,
    messageId: `id-${n}`,
    error: null,
    repeat: n % 20 === 0 ? { status: 200, messageId: `id-${n}`, hit: true, late: true } : null,
  }));
}

function storedOf({ n, clientMessageId, content, answeredAt }: Sent): Stored {
  const took = n < 20 ? STORED_MS[0] : STORED_MS[1];
  const iso = (at: number): string => new Date(at).toISOString();
  const order = String(n).padStart(3, '0');
  return { messageId: `id-${n}`, clientMessageId, content, order, acceptedAt: iso(answeredAt), persistedAt: iso(answeredAt + took) };
}

function runOf(change: Partial<Measured> = {}): Measured {
  const sent = sentOf();
  const histories = new Map([['room', sent.map(storedOf)]]);
  return {
    startedAt: STARTED_AT,
    answeredAt: STARTED_AT + 3955,
    phases: [
      { durationS: 2, rate: 10 },
      { durationS: 2, rate: 20 },
    ],
    sent,
    histories,
    audit: auditOf(sent, histories),
    log: [
      { at: STARTED_AT + 250, lag: 2, waiting: 3, pending: 1, parked: 0 },
      { at: STARTED_AT + 500, lag: 7, waiting: 9, pending: 0, parked: 4 },
    ],
    enqueued: 60,
    deadLetters: 0,
    drainMs: 12,
    ...change,
  };
}

function resultOf(run = runOf()): MessageResult {
  const figures = figuresOf(run);
  const checks = checksOf(figures);
  return {
    at: '2026-11-22T10:00:05.000Z',
    command: 'npm run load-test -- --workload=messages --url </script><b>',
    scenario: 'messages',
    node: 'v20.19.0',
    machine: 'a machine',
    target: { url: 'http://127.0.0.1:3001', own: false, kind: 'cluster', apis: 1, workers: 2 },
    load: { phases: run.phases, conversations: 1, duplicatesPercent: 5, path: '/api/messages' },
    figures,
    fleet: fleetOf(),
    checks,
    passed: checks.every(({ met }) => met),
    seconds: secondsOf(run),
    histogram: histogramOf(run),
    log: run.log,
    looks: [{ at: 1, open: 0, waiting: 0, taken: 0, cpuPercent: 12, rssMiB: 80 }],
    examples: { lost: [], doubled: [], strangers: [], disordered: [], unrecognised: [] },
  };
}

const missedOf = (run: Measured): readonly string[] => checksOf(figuresOf(run)).flatMap(({ name, met }) => (met ? [] : [name]));

describe('The figures of a load of messages', () => {
  it('say how many were due, went into the log and were stored, how quickly, and the largest lag', () => {
    expect(figuresOf(runOf())).toMatchObject({
      offered: 60,
      accepted: 60,
      refused: 0,
      repeats: 3,
      offeredPerSecond: 15,
      enqueued: 60,
      enqueuedPerSecond: 15,
      http: { count: 60, p50: 5, p95: 5 },
      stored: { count: 60, p50: 40, max: 40 },
      lag: 7,
    });
  });

  it('tell the phases apart', () => {
    expect(figuresOf(runOf()).phases).toMatchObject([
      { rate: 10, offered: 20, accepted: 20, stored: { p95: STORED_MS[0] } },
      { rate: 20, offered: 40, accepted: 40, stored: { p95: STORED_MS[1] } },
    ]);
  });

  it('have a row for every second, by the time at which a message was due', () => {
    const seconds = secondsOf(runOf());
    expect(seconds.map(({ offered }) => offered)).toEqual([10, 10, 20, 20]);
    expect(seconds.map(({ storedP95 }) => storedP95)).toEqual([4, 4, 40, 40]);
  });

  it('meet every objective in a good run', () => {
    expect(missedOf(runOf())).toEqual([]);
  });

  it('miss the one that is about what went wrong', () => {
    const [first, ...rest] = sentOf();
    const refused = [{ ...(first as Sent), messageId: null, status: 503, error: 'http 503' }, ...rest];
    const slow = new Map([
      ['room', sentOf().map((one) => ({ ...storedOf(one), persistedAt: new Date(one.answeredAt + 60).toISOString() }))],
    ]);
    const audit = { ...runOf().audit, lost: ['c-1'], disordered: ['id-2'] };
    expect(missedOf(runOf({ sent: refused }))).toContain('offered and not accepted');
    expect(missedOf(runOf({ enqueued: 59 }))).toEqual(['enqueued per second']);
    expect(missedOf(runOf({ answeredAt: STARTED_AT + 5000 }))).toEqual(['enqueued per second']);
    expect(missedOf(runOf({ histories: slow }))).toEqual(['accept to stored p95']);
    expect(missedOf(runOf({ deadLetters: 1 }))).toEqual(['dead letters']);
    expect(missedOf(runOf({ audit }))).toEqual(['lost', 'out of order']);
    expect(missedOf(runOf({ log: [{ at: 0, lag: 100, waiting: 100, pending: 0, parked: 0 }] }))).toEqual(['partition lag']);
  });

  it('leave out what no process tells of', () => {
    const checks = checksOf(figuresOf(runOf({ enqueued: null })));
    expect(checks.map(({ name }) => name)).not.toContain('enqueued per second');
  });

  it('end, for a person, with the verdict and what was missed', () => {
    expect(print(resultOf()).split('\n').at(-1)).toBe('PASSED: all 11 objectives met');
    expect(
      print(resultOf(runOf({ deadLetters: 2 })))
        .split('\n')
        .at(-1),
    ).toBe('FAILED: dead letters 0');
    expect(print(resultOf())).toMatch(/worker-1 +12\.0 +90 +11/);
  });
});

describe('The report of a load of messages', () => {
  let html = '';
  beforeAll(async () => {
    html = await renderMessageReport(resultOf(), [historyOf(resultOf())]);
  });

  it('needs nothing from outside of its file, and has its figures without a script', () => {
    expect(html).not.toMatch(/<(link|img|iframe|script)[^>]*\s(src|href)=/i);
    const tables = html.slice(0, html.indexOf('<section class="charts">'));
    for (const figure of ['enqueued per second', '15.00 /s', '20 /s for 2 s: stored', 'worker-2', 'cluster, 1 API, 2 workers']) {
      expect(tables).toContain(figure);
    }
    expect(html).not.toContain('--url </script><b>');
  });

  it('gives every chart a place and its data', () => {
    const places = [...html.matchAll(/<figure>.*?<div id="(\w+)"><\/div>/g)].map(([, id]) => id);
    expect(places).toEqual(['latency', 'histogram', 'log', 'rates', 'server', 'trend']);
    const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '') as Record<
      string,
      unknown[]
    >;
    expect([data['seconds']?.length, data['log']?.length]).toEqual([4, 2]);
    expect(data['trend']).toMatchObject([{ rate: 20, httpP95: 5, storedP95: 40, enqueued: 15, passed: true }]);
  });
});

describe('The history', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-history-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('keeps runs of messages beside those of notifications, and each is read by its own kind', () => {
    const path = join(directory, 'history.jsonl');
    appendHistory(path, historyOf(resultOf()));
    expect(readMessageHistory(path)).toMatchObject([{ scenario: 'messages', figures: { offered: 60 }, passed: true }]);
    expect(readHistory(path)).toEqual([]);
  });
});
