import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { Behaviours, behaviourSchema } from '../../src/sink/behaviour.js';
import { sinkPage } from '../../src/sink/page.js';
import { createSink, type Received, type SinkOptions } from '../../src/sink/sink.js';

const clock = { now: () => Date.parse('2026-03-01T12:00:00Z'), monotonic: () => 0 };
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function makeSink(options: Partial<SinkOptions> = {}) {
  return createSink({ clock, timers: createSystemTimers(), ...options });
}

function ledgerPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sink-'));
  folders.push(folder);
  return join(folder, 'ledger.jsonl');
}

function arrival(changes: Partial<Received> = {}): Received {
  return {
    channel: 'webhook',
    target: 'shop',
    operationId: 'op-1',
    subject: 'Hello',
    excerpt: 'World',
    requestId: 'req-1',
    signature: 'valid',
    answer: '200',
    taken: true,
    ...changes,
  };
}

describe('The sink', () => {
  test('tells raw arrivals from effects', () => {
    const sink = makeSink();
    sink.record(arrival());
    sink.record(arrival());
    sink.record(arrival({ operationId: 'op-2', taken: false, answer: '503' }));
    sink.record(arrival({ operationId: 'op-2' }));
    const { counters, arrivals, effects } = sink.list();
    expect(counters.webhook).toEqual({ arrivals: 4, effects: 2, duplicates: 1, refused: 1, invalidSignatures: 0 });
    expect(arrivals.map(({ operationId, n }) => [operationId, n])).toEqual([
      ['op-2', 1],
      ['op-2', 0],
      ['op-1', 2],
      ['op-1', 1],
    ]);
    expect(effects.map(({ operationId, duplicates }) => [operationId, duplicates])).toEqual([
      ['op-2', 0],
      ['op-1', 1],
    ]);
  });

  test('keeps the same operation id apart by channel', () => {
    const sink = makeSink();
    sink.record(arrival());
    sink.record(arrival({ channel: 'email' }));
    expect([sink.list().counters.webhook.effects, sink.list().counters.email.effects]).toEqual([1, 1]);
  });

  test('never takes arrivals without an id for repeats of each other', () => {
    const sink = makeSink();
    sink.record(arrival({ operationId: null }));
    sink.record(arrival({ operationId: null }));
    expect(sink.list().counters.webhook).toMatchObject({ effects: 2, duplicates: 0 });
  });

  test('keeps the last of each channel and counts all', () => {
    const sink = makeSink({ keep: 10 });
    for (let n = 1; n <= 95; n += 1) sink.record(arrival({ operationId: `op-${n}` }));
    sink.record(arrival({ channel: 'email', operationId: 'mail' }));
    const { counters, arrivals } = sink.list();
    expect(counters.webhook).toMatchObject({ arrivals: 95, effects: 95 });
    expect(arrivals).toHaveLength(11);
    expect(arrivals.at(-1)?.operationId).toBe('op-86');
  });

  test('remembers ids longer than arrivals, so that a late repeat is still one', () => {
    const sink = makeSink({ keep: 2 });
    for (let n = 1; n <= 50; n += 1) sink.record(arrival({ operationId: `op-${n}` }));
    sink.record(arrival({ operationId: 'op-1' }));
    expect(sink.list().counters.webhook).toMatchObject({ effects: 50, duplicates: 1 });
  });

  test('lists by channel, operation and time', () => {
    let now = 1000;
    const sink = makeSink({ clock: { ...clock, now: () => now } });
    sink.record(arrival({ operationId: 'early' }));
    now = 2000;
    sink.record(arrival({ operationId: 'late' }));
    sink.record(arrival({ operationId: 'mail', channel: 'email' }));
    const ids = (query: Parameters<typeof sink.list>[0]) => sink.list(query).arrivals.map(({ operationId }) => operationId);
    expect(ids({ since: 2000 })).toEqual(['mail', 'late']);
    expect(ids({ channel: 'webhook' })).toEqual(['late', 'early']);
    expect(ids({ operationId: 'early' })).toEqual(['early']);
  });

  test('forgets everything but its scripts when cleared', () => {
    const sink = makeSink();
    sink.behaviours.set(behaviourSchema.parse({ name: 'shop', steps: [{ do: 'hang' }] }));
    sink.record(arrival());
    sink.clear();
    expect(sink.list()).toMatchObject({ arrivals: [], effects: [], counters: { webhook: { arrivals: 0, effects: 0 } } });
    expect(sink.record(arrival()).n).toBe(1);
    expect(sink.behaviours.state()).toHaveLength(1);
  });
});

describe('The ledger file', () => {
  test('has a line for everything taken, without the recipient, before anyone is answered', () => {
    const path = ledgerPath();
    const sink = makeSink({ ledgerPath: path });
    sink.record(arrival({ target: 'alice@example.org' }));
    sink.record(arrival({ target: 'alice@example.org' }));
    sink.record(arrival({ operationId: 'op-2', taken: false }));
    const text = readFileSync(path, 'utf8');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual(
      [1, 2].map((n) => ({
        operationId: 'op-1',
        channel: 'webhook',
        recipientHash: expect.stringMatching(/^[0-9a-f]{16}$/),
        at: clock.now(),
        n,
      })),
    );
    expect(text).not.toContain('alice');
    sink.close();
  });

  test('is read again by the next sink, torn line and all, so that repeats stay repeats', () => {
    const path = ledgerPath();
    const first = makeSink({ ledgerPath: path });
    first.record(arrival());
    first.close();
    writeFileSync(path, '{"operationId":"op-9","chan', { flag: 'a' });
    const second = makeSink({ ledgerPath: path });
    expect(second.record(arrival()).n).toBe(2);
    expect(second.record(arrival({ operationId: 'op-9' })).n).toBe(1);
    second.close();
    const third = makeSink({ ledgerPath: path });
    expect(third.list().counters.webhook).toMatchObject({ effects: 2, duplicates: 1 });
    third.close();
  });
});

describe('Scripts', () => {
  test('run step by step and then go on for ever', () => {
    const behaviours = new Behaviours();
    const then = { do: 'status' as const, status: 410 };
    behaviours.set(
      behaviourSchema.parse({ channel: 'webhook', name: 'shop', steps: [{ do: 'status', status: 503, times: 3 }, { do: 'hang' }], then }),
    );
    const done = Array.from({ length: 7 }, () => behaviours.next('webhook', 'shop')).map((step) => step.status ?? step.do);
    expect(done).toEqual([503, 503, 503, 'hang', 410, 410, 410]);
    expect(behaviours.next('email', 'shop').do).toBe('ok');
    expect(behaviours.next('webhook', 'other').do).toBe('ok');
  });

  test('show what is left of them', () => {
    const behaviours = new Behaviours();
    behaviours.set(behaviourSchema.parse({ name: 'shop', steps: [{ do: 'status', status: 503, times: 3 }, { do: 'hang' }] }));
    behaviours.next('webhook', 'shop');
    expect(behaviours.state()).toEqual([
      {
        channel: null,
        name: 'shop',
        left: [{ do: 'status', status: 503, times: 2 }, { do: 'hang' }],
        then: 'ok',
        decided: 1,
      },
    ]);
  });

  test('are chosen by the closest match', () => {
    const behaviours = new Behaviours();
    const script = (channel: string | undefined, name: string | undefined, status: number) =>
      behaviours.set(behaviourSchema.parse({ channel, name, then: { do: 'status', status } }));
    script(undefined, undefined, 501);
    script('webhook', undefined, 502);
    script(undefined, 'shop', 503);
    script('webhook', 'shop', 504);
    expect(behaviours.next('webhook', 'shop').status).toBe(504);
    expect(behaviours.next('email', 'shop').status).toBe(503);
    expect(behaviours.next('webhook', 'bank').status).toBe(502);
    expect(behaviours.next('email', 'bank').status).toBe(501);
    behaviours.reset('webhook', 'shop');
    expect(behaviours.next('webhook', 'shop').status).toBe(503);
    behaviours.reset();
    expect(behaviours.next('webhook', 'shop').do).toBe('ok');
  });
});

test('The page escapes whatever arrived and loads nothing from anywhere', () => {
  const sink = makeSink();
  const evil = '<script>alert("1")</script><img src=x onerror=\'a\'>';
  sink.record(arrival({ target: evil, subject: evil, excerpt: evil, operationId: evil, requestId: evil }));
  sink.behaviours.set(behaviourSchema.parse({ name: evil, steps: [] }));
  const page = sinkPage(sink.list(), sink.behaviours.state());
  expect(page).not.toMatch(/<script|<img|<link|<iframe|@import|url\(/);
  expect(page).toContain('&lt;script&gt;');
  expect(page).toContain('http-equiv="refresh"');
});
