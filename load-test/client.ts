import { Pool } from 'undici';

/** An answer, or status 0 where none came; `failure` then says why. `body` is JSON parsed, null where there was none. */
export interface Answered<T> {
  readonly status: number;
  readonly body: T;
  readonly failure: string | null;
}

/** Connections to the server: enough that a request never waits for one while the server keeps up. */
const CONNECTIONS = 256;
const TIMEOUT_MS = 30_000;

/** HTTP to one server over kept connections. */
export class Client {
  readonly url: string;
  readonly #pool: Pool;

  constructor(url: string, connections = CONNECTIONS) {
    this.url = url;
    this.#pool = new Pool(url, { connections, pipelining: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  }

  get<T>(path: string): Promise<Answered<T>> {
    return this.#send<T>('GET', path, {}, null);
  }

  post<T>(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Answered<T>> {
    return this.#send<T>('POST', path, headers, body);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #send<T>(
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    sent: string | null,
  ): Promise<Answered<T>> {
    try {
      const { statusCode: status, body } = await this.#pool.request({ method, path, headers, body: sent });
      const text = await body.text();
      return { status, body: (text === '' ? null : JSON.parse(text)) as T, failure: null };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { status: 0, body: null as T, failure: code ?? message };
    }
  }
}
