import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.js';
import { createLog } from '../../src/telemetry/log.js';
import { wire } from '../../src/wire.js';

/** An answer as tests look at it. */
export interface Answer<T = Json> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface Json {
  readonly [field: string]: unknown;
}

/** The whole platform in this process, on a free port, with the sink on and a data directory of its own. */
export interface TestApp {
  readonly url: string;
  readonly dataDir: string;
  get<T = Json>(path: string): Promise<Answer<T>>;
  send<T = Json>(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer<T>>;
  /** Sends these bytes as they are. */
  sendRaw(path: string, body: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  stop(): Promise<void>;
}

/** Small waits, so that retries happen within a test; everything else as a newcomer gets it. */
const QUICK = { RETRY_BACKOFF_MS: '20', RETRY_BACKOFF_MAX_MS: '200', POLL_INTERVAL_MS: '60000' };

export async function startApp(settings: Readonly<Record<string, string>> = {}): Promise<TestApp> {
  const dataDir = settings.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'signalbox-test-')));
  const config = loadConfig({ NODE_ENV: 'test', SERVER_PORT: '0', LOG_LEVEL: 'silent', ...QUICK, ...settings, DATA_DIR: dataDir });
  const log = createLog({ level: config.logLevel, worker: config.workerId, version: 'test' });
  const app = await wire({
    config,
    log,
    version: 'test',
    onFatal(error) {
      throw error;
    },
  });
  const port = await app.start();
  const url = `http://127.0.0.1:${port}`;

  const call = async <T>(path: string, init?: RequestInit): Promise<Answer<T>> => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as T };
  };
  return {
    url,
    dataDir,
    get: (path) => call(path),
    send: (method, path, body, headers = {}) =>
      call(
        path,
        body === undefined
          ? { method, headers }
          : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } },
      ),
    sendRaw: (path, body, headers = {}) =>
      call(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }),
    async stop() {
      await app.stop();
      if (settings.DATA_DIR === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Looks until the look gives something, at most this long; for what happens on its own time, outside of the test's reach. */
export async function eventually<T>(look: () => Promise<T | null | undefined | false>, withinMs = 10_000): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`nothing came of it within ${withinMs} ms: ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

interface Attempt {
  readonly attempt: number;
  readonly result: string | null;
  readonly code: string | null;
  readonly startedAt: string;
  readonly retryAt: string | null;
}

export interface DeliveryBody {
  readonly deliveryId: string;
  readonly channel: string;
  readonly status: string;
  readonly reason: string | null;
  readonly operationId: string;
  readonly fingerprint: string | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly attempts: readonly Attempt[];
}

export interface NotificationBody {
  readonly notificationId: string;
  readonly status: string;
  readonly deliveries: readonly DeliveryBody[];
}

/** Waits until the notification is in one of these states. */
export function untilStatus(app: TestApp, id: string, statuses: readonly string[], withinMs?: number): Promise<NotificationBody> {
  return eventually(async () => {
    const { body } = await app.get<NotificationBody>(`/api/v1/notifications/${id}`);
    return statuses.includes(body.status) ? body : null;
  }, withinMs);
}

export interface SinkListing {
  readonly arrivals: readonly {
    readonly operationId: string;
    readonly target: string;
    readonly channel: string;
    readonly requestId: string | null;
    readonly signature: string;
  }[];
  readonly effects: readonly { readonly operationId: string; readonly duplicates: number; readonly subject: string | null }[];
}

export async function sinkOf(app: TestApp, query = ''): Promise<SinkListing> {
  return (await app.get<SinkListing>(`/sink/deliveries${query}`)).body;
}

/** A request that is right in every way, to be changed by the test. */
export function notification(change: Readonly<Record<string, unknown>> = {}): Json {
  return {
    userId: 'user_001',
    channels: ['email'],
    to: { email: 'a@example.org' },
    subject: 'Hello',
    body: 'Your order is on its way.',
    ...change,
  };
}

/** One that goes to the sink's webhook of this name. */
export function webhookNotification(app: TestApp, name: string, change: Readonly<Record<string, unknown>> = {}): Json {
  return notification({ channels: ['webhook'], to: { webhook: `${app.url}/sink/webhook/${name}` }, ...change });
}

/** Accepts it and gives the id. */
export async function accept(app: TestApp, body: Json): Promise<string> {
  const answer = await app.send<{ notificationId: string }>('POST', '/api/v1/notifications', body);
  if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.notificationId;
}
