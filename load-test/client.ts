import { Pool } from 'undici';
import { keyHeaders } from '../src/config/client-key.js';

/** An answer, or status 0 where none came; `failure` then says why. `body` is JSON parsed, null where there was none. */
export interface Answered<T> {
  readonly status: number;
  readonly body: T;
  readonly failure: string | null;
}

type Headers = Readonly<Record<string, string>>;

/** Connections to each server: enough that a request never waits for one while the server keeps up. */
const CONNECTIONS = 256;
const TIMEOUT_MS = 30_000;

/** HTTP over kept connections to one server, or to several that are one: each request goes to the next of them. */
export class Client {
  /** The first server. */
  readonly url: string;
  readonly #pools: readonly Pool[];
  readonly #key = keyHeaders();
  #turn = 0;

  constructor(urls: readonly [string, ...string[]], connections = CONNECTIONS) {
    [this.url] = urls;
    const options = { connections, pipelining: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS };
    this.#pools = urls.map((url) => new Pool(url, options));
  }

  get<T>(path: string, headers: Headers = {}): Promise<Answered<T>> {
    return this.#send<T>('GET', path, headers, null);
  }

  post<T>(path: string, headers: Headers, body: string): Promise<Answered<T>> {
    return this.#send<T>('POST', path, headers, body);
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }

  async #send<T>(method: 'GET' | 'POST', path: string, headers: Headers, sent: string | null): Promise<Answered<T>> {
    const pool = this.#pools[this.#turn % this.#pools.length] as Pool;
    this.#turn += 1;
    try {
      const { statusCode: status, body } = await pool.request({ method, path, headers: { ...this.#key, ...headers }, body: sent });
      const text = await body.text();
      return { status, body: (text === '' ? null : JSON.parse(text)) as T, failure: null };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { status: 0, body: null as T, failure: code ?? message };
    }
  }
}
