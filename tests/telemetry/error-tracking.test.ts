import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { problemHandler } from '../../src/ingress/problem.js';
import { createErrorTracking } from '../../src/telemetry/error-tracking.js';
import { createLog, logFact } from '../../src/telemetry/log.js';
import { eventually } from '../support/app.js';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** In place of Sentry: takes what it is sent, and answers with `status`. */
class Collector {
  readonly received: Received[] = [];
  status = 200;
  /** Answers that are held back until they are let go. */
  held: (() => void)[] | null = null;
  readonly #server: Server = createServer((incoming, answer) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      this.received.push({ path: String(incoming.url), headers: incoming.headers, text: Buffer.concat(parts).toString() });
      const reply = (): void => void answer.writeHead(this.status).end('{}');
      if (this.held === null) reply();
      else this.held.push(reply);
    });
  });

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get dsn(): string {
    return `http://public-key@127.0.0.1:${(this.#server.address() as AddressInfo).port}/under/7`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  events(): readonly Record<string, unknown>[] {
    return this.received.map(({ text }) => JSON.parse(text.trimEnd().split('\n')[2] ?? '') as Record<string, unknown>);
  }
}

/** Its text holds what must not leave the house. */
class OddError extends Error {
  override readonly name = 'OddError';
}

describe('Error tracking', () => {
  let collector: Collector;
  let lost: string[];
  beforeEach(async () => {
    collector = new Collector();
    lost = [];
    await collector.open();
  });
  afterEach(() => collector.close());

  const trackingTo = (dsn: string) =>
    createErrorTracking({ dsn, version: '1.2.3', environment: 'test', worker: 'api-1', onLost: (reason) => lost.push(reason) });
  const logTo = (dsn: string) => createLog({ level: 'error', worker: 'api-1', version: '1.2.3', onError: trackingTo(dsn) });
  /** A route that throws what nobody expected, behind the handler that every API has. */
  const failing = (log: ReturnType<typeof logTo>) => {
    const app = express();
    app.use((_request, response, next) => {
      response.setHeader('X-Request-Id', 'request-1');
      next();
    });
    app.get('/odd', () => {
      throw new OddError('cannot write to ada@example.org\n    at ada (her-phone:1:2)');
    });
    app.use(problemHandler((error, requestId) => log.error({ err: error, requestId }, 'internal error')));
    return app;
  };

  it('receives exactly one event for an error that a request ran into, without what the error says', async () => {
    const answer = await request(failing(logTo(collector.dsn))).get('/odd');
    expect(answer.status).toBe(500);
    await eventually(async () => collector.received.length > 0);
    const [{ path, headers, text } = { path: '', headers: {}, text: '' }] = collector.received;
    expect(path).toBe('/under/api/7/envelope/');
    expect(headers['content-type']).toBe('application/x-sentry-envelope');
    expect(headers['x-sentry-auth']).toContain('sentry_key=public-key');
    expect(text).not.toMatch(/ada|her-phone/);
    expect(collector.events()).toMatchObject([
      {
        release: 'signalbox@1.2.3',
        server_name: 'api-1',
        tags: { requestId: 'request-1' },
        exception: { values: [{ type: 'OddError', value: 'internal error' }] },
      },
    ]);
    const [{ exception }] = collector.events() as unknown as [
      { exception: { values: [{ stacktrace: { frames: { filename: string }[] } }] } },
    ];
    expect(exception.values[0].stacktrace.frames.at(-1)?.filename).toContain('error-tracking.test');
    expect(lost).toEqual([]);
  });

  it('is told of one error once, however often it is logged, and of each other one', async () => {
    const log = logTo(collector.dsn);
    const error = new Error('one');
    log.error({ err: error }, 'first');
    log.error({ err: error }, 'again');
    logFact(log, { kind: 'trouble', where: 'sweep', error: new Error('two') });
    log.warn({ err: new Error('only a warning') }, 'a server is away');
    await eventually(async () => collector.received.length >= 2);
    expect(collector.events().map(({ transaction }) => transaction)).toEqual(expect.arrayContaining(['first', 'sweep']));
    expect(collector.received).toHaveLength(2);
  });

  it('costs the request nothing when the collector refuses, or is not there', async () => {
    collector.status = 500;
    expect((await request(failing(logTo(collector.dsn))).get('/odd')).status).toBe(500);
    await eventually(async () => lost.length === 1);
    expect(lost).toEqual(['it answered 500']);
    const { dsn } = collector;
    collector.close();
    expect((await request(failing(logTo(dsn))).get('/odd')).status).toBe(500);
    await eventually(async () => lost.length === 2);
  });

  it('keeps ten events under way at most, and says with the next how many it left out', async () => {
    collector.held = [];
    const tell = trackingTo(collector.dsn);
    for (let n = 0; n < 25; n += 1) tell(new Error(`error ${n}`), { message: 'storm' });
    await eventually(async () => collector.received.length === 10);
    for (const reply of collector.held) reply();
    collector.held = null;
    // An answer that has arrived makes room; until then the next is counted among those left out.
    const left = await eventually(async () => {
      tell(new Error('after'), { message: 'after' });
      const after = collector.events().find(({ transaction }) => transaction === 'after');
      return (after?.['extra'] as { dropped: number } | undefined)?.dropped;
    });
    expect(left).toBeGreaterThanOrEqual(15);
  });
});
