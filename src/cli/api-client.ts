import { CliError } from './cli-error.js';

/** An answer of the API. `body` is whatever it said, JSON parsed. */
export interface ApiAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
}

const TIMEOUT_MS = 15_000;
/** A post that broke or was put off is tried so often, always under its key. */
const TRIES = 5;
const LONGEST_WAIT_S = 30;

/** A client of one server. Connection troubles and problem answers become one line for a person. */
export class ApiClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** @throws CliError unless the answer is 2xx */
  async get<T>(path: string): Promise<T> {
    const answer = await this.#call<T>(path, {});
    if (answer.status >= 300) throw problem(answer);
    return answer.body;
  }

  /** Null where the server says that there is no such thing. @throws CliError for any other refusal */
  async find<T>(path: string): Promise<T | null> {
    const answer = await this.#call<T>(path, {});
    if (answer.status === 404) return null;
    if (answer.status >= 300) throw problem(answer);
    return answer.body;
  }

  /**
   * Offers work under an idempotency key, and again under the same key when the connection broke or the server asked
   * to wait: a retry is never a second piece of work. @throws CliError when it is refused for good or not in the end
   */
  async offer<T>(path: string, key: string, body: unknown): Promise<ApiAnswer<T>> {
    const init: RequestInit = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    };
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#call<T>(path, init).catch((error: unknown) => {
        if (tries >= TRIES) throw error;
        return null;
      });
      if (answer !== null && answer.status < 300) return answer;
      const final = answer !== null && answer.status !== 429 && answer.status < 500;
      if (answer !== null && (final || tries >= TRIES)) throw problem(answer);
      const waitS = Number(answer?.headers.get('retry-after') ?? 0.2 * tries);
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitS, LONGEST_WAIT_S) * 1000));
    }
  }

  async #call<T>(path: string, init: RequestInit): Promise<ApiAnswer<T>> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
      text = await response.text();
    } catch (error) {
      throw new CliError(`no answer from ${this.url}: ${reasonOf(error)}`);
    }
    if (response.headers.get('content-type')?.includes('json') !== true) {
      throw new CliError(`${this.url}${path} answered ${response.status} without JSON: is this a Signalbox server?`);
    }
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as T };
  }
}

function problem({ status, body }: ApiAnswer<unknown>): CliError {
  const { title, detail, code } = (body ?? {}) as Problem;
  return new CliError(`${detail ?? title ?? 'refused'} (${status}${code === undefined ? '' : ` ${code}`})`);
}

/** fetch says "fetch failed"; what failed is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause && cause.message === '' ? String(cause.code) : cause.message;
  return error.message;
}
