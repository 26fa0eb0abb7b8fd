import { describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { SignalboxError } from '../../src/errors.js';
import { problemHandler } from '../../src/ingress/problem.js';
import { createBreakers } from '../../src/pipeline/breaker.js';
import type { WakeUpQueue } from '../../src/ports/queue.js';
import type { StorePorts } from '../../src/ports/store-ports.js';
import type { Fact } from '../../src/ports/watch.js';
import { guardQueue, guardRedis, guardStore, SERVER_BREAKER } from '../../src/runtime/guarded.js';
import { HandClock } from '../support/hand-clock.js';

const ANSWER_MS = 1000;
const KEY = { tenant: 'default', id: 'n1' };
const DOWN = new SignalboxError('store-unavailable', 'away');

/** A store whose next answer the test decides; only what the tests call is there. */
class Store {
  asked: string[] = [];
  /** Rejects, resolves, or keeps whoever asks waiting. */
  answer: () => Promise<unknown> = () => Promise.resolve(null);

  readonly #ask = (name: string): Promise<never> => {
    this.asked.push(name);
    return this.answer() as Promise<never>;
  };

  ports(): StorePorts {
    const port = (of: string) => new Proxy({}, { get: (_target, name) => () => this.#ask(`${of}.${String(name)}`) });
    const names = ['store', 'reader', 'desk', 'outbox', 'people', 'inbox', 'messages', 'payloads', 'keys', 'duties', 'fleet', 'retention'];
    return Object.fromEntries(names.map((name) => [name, port(name)])) as unknown as StorePorts;
  }
}

function set() {
  const clock = new HandClock();
  const facts: Fact[] = [];
  const watch = (fact: Fact): void => void facts.push(fact);
  const deps = { breakers: createBreakers(clock, SERVER_BREAKER, watch), timers: clock, watch };
  const server = new Store();
  const ports = guardStore(server.ports(), { ...deps, answerMs: ANSWER_MS });
  const states = (name: string): string[] => facts.flatMap((fact) => (fact.kind === 'breaker' && fact.name === name ? [fact.state] : []));
  const fail = async (times: number): Promise<void> => {
    server.answer = () => Promise.reject(DOWN);
    for (let n = 0; n < times; n += 1) await expect(ports.reader.get(KEY)).rejects.toBe(DOWN);
  };
  return { clock, deps, server, ports, states, fail };
}

/** What it came to by now: what has been decided, and is not waiting for the clock. */
async function stateOf(call: Promise<unknown>): Promise<string> {
  const waiting = Symbol('waiting');
  for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
  return Promise.race([call, Promise.resolve(waiting)]).then(
    (value) => (value === waiting ? 'waiting' : 'resolved'),
    (error: unknown) => (error instanceof SignalboxError ? error.code : String(error)),
  );
}

describe('The store behind its breaker', () => {
  it('is neither opened nor closed by counts, which may be told from memory', async () => {
    const { clock, server, ports, states, fail } = set();
    await fail(SERVER_BREAKER.breakerFailures - 1);
    server.answer = () => Promise.resolve({ open: 7, oldestDueMs: 0 });
    await ports.reader.backlog();
    await fail(1);
    expect(states('mongodb')).toEqual(['closed', 'open']);
    clock.advance(SERVER_BREAKER.breakerOpenMs);
    server.answer = () => Promise.resolve({ open: 7, oldestDueMs: 0 });
    await ports.reader.deliveryCounts();
    expect(states('mongodb').at(-1)).not.toBe('closed');
  });

  it('is asked, and its answers and errors come as they are', async () => {
    const { server, ports } = set();
    server.answer = () => Promise.resolve('a record');
    expect(await ports.reader.get(KEY)).toBe('a record');
    const conflict = new SignalboxError('conflict', 'delivered twice');
    server.answer = () => Promise.reject(conflict);
    await expect(ports.store.commit({ ...KEY, worker: 'w', token: 1 }, {} as never)).rejects.toBe(conflict);
    expect(server.asked).toEqual(['reader.get', 'store.commit']);
  });

  it('shows that it is closed before anything has been asked', () => {
    expect(set().states('mongodb')).toEqual(['closed']);
  });

  it('is left alone after five failures in a row, whichever of its ports met them: refused at once, with a time to come back', async () => {
    const { clock, server, ports, states, fail } = set();
    await fail(4);
    await expect(ports.people.get({ tenant: 'default', userId: 'u' })).rejects.toBe(DOWN);
    const asked = server.asked.length;
    clock.advance(400);
    for (const call of [ports.store.accept([]), ports.outbox.due(1, 1), ports.duties.held(), ports.fleet.members()]) {
      await expect(call).rejects.toMatchObject({ code: 'store-unavailable', retryAfterS: 0.6 });
    }
    expect(server.asked).toHaveLength(asked);
    expect(states('mongodb')).toEqual(['closed', 'open']);
  });

  it('is tried by a single call a second later, and open to all when that succeeds', async () => {
    const { clock, server, ports, states, fail } = set();
    await fail(5);
    clock.advance(SERVER_BREAKER.breakerOpenMs);
    let answer = (_value: null): void => undefined;
    server.answer = () => new Promise((resolve) => (answer = resolve));
    const probe = ports.reader.get(KEY);
    await expect(ports.reader.get(KEY)).rejects.toMatchObject({ code: 'store-unavailable' });
    answer(null);
    await probe;
    server.answer = () => Promise.resolve(null);
    await Promise.all([ports.reader.get(KEY), ports.reader.get(KEY)]);
    expect(states('mongodb')).toEqual(['closed', 'open', 'half-open', 'closed']);
  });

  it('is left alone again when the try fails', async () => {
    const { clock, states, fail } = set();
    await fail(5);
    clock.advance(SERVER_BREAKER.breakerOpenMs);
    await fail(1);
    expect(states('mongodb')).toEqual(['closed', 'open', 'half-open', 'open']);
  });

  it('is well as long as it answers, be it with a refusal; a mistake of ours says nothing', async () => {
    const { server, ports, states, fail } = set();
    const full = new SignalboxError('store-full', 'no room');
    for (let n = 0; n < 3; n += 1) {
      await fail(4);
      server.answer = () => Promise.reject(full);
      await expect(ports.store.accept([])).rejects.toBe(full);
    }
    expect(states('mongodb')).toEqual(['closed']);
    server.answer = () => Promise.reject(new TypeError('oops'));
    await fail(4);
    server.answer = () => Promise.reject(new TypeError('oops'));
    await expect(ports.store.accept([])).rejects.toThrow('oops');
    await fail(1);
    expect(states('mongodb')).toEqual(['closed', 'open']);
  });

  it('is not waited for longer than a second where a client waits; what it says afterwards is nobody’s any more', async () => {
    const { clock, server, ports } = set();
    let answer = (_value: string): void => undefined;
    server.answer = () => new Promise((resolve) => (answer = resolve));
    const calls = [ports.store.accept([]), ports.reader.list({ tenant: 'default', workload: 'w', limit: 1 })];
    clock.advance(ANSWER_MS - 1);
    expect(await Promise.all(calls.map(stateOf))).toEqual(['waiting', 'waiting']);
    clock.advance(1);
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'store-unavailable', retryAfterS: 1 });
    answer('too late');
    expect(await stateOf(calls[1] as Promise<unknown>)).toBe('store-unavailable');
  });

  it('is waited for by workers, whose lease is longer', async () => {
    const { clock, server, ports } = set();
    let answer = (_value: null): void => undefined;
    server.answer = () => new Promise((resolve) => (answer = resolve));
    const call = ports.store.commit({ ...KEY, worker: 'w', token: 1 }, {} as never);
    clock.advance(5 * ANSWER_MS);
    expect(await stateOf(call)).toBe('waiting');
    answer(null);
    expect(await call).toBeNull();
  });

  it('opens by calls that never come back, and such a try does not keep others from trying for ever', async () => {
    const { clock, server, ports, states } = set();
    server.answer = () => new Promise(() => undefined);
    const calls = Array.from({ length: 5 }, () => ports.reader.get(KEY));
    clock.advance(ANSWER_MS);
    expect(await Promise.all(calls.map(stateOf))).toEqual(Array(5).fill('store-unavailable'));
    clock.advance(SERVER_BREAKER.breakerOpenMs);
    void ports.outbox.due(1, 1).catch(() => undefined);
    clock.advance(11_000);
    server.answer = () => Promise.resolve(null);
    await ports.reader.get(KEY);
    expect(states('mongodb')).toEqual(['closed', 'open', 'half-open', 'open', 'half-open', 'closed']);
  });

  it('answers clients 503 with Retry-After while it is away', async () => {
    const { ports, fail } = set();
    const app = express();
    app.get('/store', async () => void (await ports.reader.get(KEY)));
    app.get('/queue', () => {
      throw new SignalboxError('queue-unavailable', 'rabbitmq has not answered of late', { retryAfterS: 1.2 });
    });
    app.use(problemHandler(() => undefined));
    await fail(5);
    const answer = await request(app).get('/store');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'store-unavailable', status: 503 });
    expect((await request(app).get('/queue')).headers['retry-after']).toBe('2');
  });
});

describe('The queue behind its breaker', () => {
  it('refuses to publish while it is open, and hands out and settles past it', async () => {
    const { clock, deps, states } = set();
    const away = new SignalboxError('queue-unavailable', 'away');
    const consumption = { stop: async () => undefined };
    let published = 0;
    const queue = guardQueue(
      {
        publish: () => {
          published += 1;
          return Promise.reject(away);
        },
        depth: () => Promise.resolve({ waiting: 0, taken: 0 }),
        consume: () => consumption,
      } satisfies WakeUpQueue,
      deps,
    );
    for (let n = 0; n < 5; n += 1) await expect(queue.publish([])).rejects.toBe(away);
    await expect(queue.publish([])).rejects.toMatchObject({ code: 'queue-unavailable', retryAfterS: 1 });
    expect(published).toBe(5);
    expect(queue.consume(1, () => undefined)).toBe(consumption);
    clock.advance(SERVER_BREAKER.breakerOpenMs);
    expect(await queue.depth()).toEqual({ waiting: 0, taken: 0 });
    expect(states('rabbitmq')).toEqual(['closed', 'open', 'half-open', 'closed']);
    expect(states('mongodb')).toEqual(['closed']);
  });
});

describe('Redis behind its breaker', () => {
  it('is not asked while it is open, whatever it failed with', async () => {
    const { clock, deps, states } = set();
    const guard = guardRedis(deps);
    for (let n = 0; n < 5; n += 1) await expect(guard(() => Promise.reject(new Error('OOM')))).rejects.toThrow('OOM');
    let asked = 0;
    const ask = (): Promise<string> => {
      asked += 1;
      return Promise.resolve('PONG');
    };
    await expect(guard(ask)).rejects.toThrow('redis');
    expect(asked).toBe(0);
    clock.advance(SERVER_BREAKER.breakerOpenMs);
    expect(await guard(ask)).toBe('PONG');
    expect(states('redis')).toEqual(['closed', 'open', 'half-open', 'closed']);
  });
});
