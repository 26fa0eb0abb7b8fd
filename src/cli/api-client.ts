import { KEY_VARIABLE, keyHeaders } from '../config/client-key.js';
import { CliError } from './cli-error.js';

/** An answer of the API. `body` is whatever it said, JSON parsed. */
export interface ApiAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** One page of a list. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** What a query is made of; what is not given is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

const TIMEOUT_MS = 15_000;
/** A post that broke or was put off is tried so often, always under its key. */
const TRIES = 5;
const LONGEST_WAIT_S = 30;
/** The most that a list gives at a time. */
export const PAGE_MAX = 100;

/** A client of one server. Connection troubles and problem answers become one line for a person. */
export class ApiClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** @throws CliError unless the answer is 2xx */
  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.send<T>('GET', path + queryOf(query))).body;
  }

  /** Null where the server says that there is no such thing. @throws CliError for any other refusal */
  async find<T>(path: string): Promise<T | null> {
    const answer = await this.#call<T>(path, {});
    if (answer.status === 404) return null;
    if (answer.status >= 300) throw problem(answer);
    return answer.body;
  }

  /** Calls once. @throws CliError unless the answer is 2xx */
  async send<T>(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<ApiAnswer<T>> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await this.#call<T>(path, { method, headers: { ...type, ...headers }, ...content });
    if (answer.status >= 300) throw problem(answer);
    return answer;
  }

  /** The first `limit` of a list, as many pages as that takes. `nextCursor` leads on from there. */
  async list<T>(path: string, query: Query, limit: number): Promise<Page<T>> {
    const data: T[] = [];
    let cursor: string | undefined;
    for (;;) {
      const page = await this.get<Page<T>>(path, { ...query, limit: Math.min(PAGE_MAX, limit - data.length), cursor });
      data.push(...page.data);
      if (page.nextCursor === null || data.length >= limit) return { data, nextCursor: page.nextCursor };
      cursor = page.nextCursor;
    }
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
      const headers = { ...keyHeaders(), ...(init.headers as Readonly<Record<string, string>> | undefined) };
      response = await fetch(this.url + path, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
      text = await response.text();
    } catch (error) {
      throw new CliError(`no answer from ${this.url}: ${reasonOf(error)}`, 1, true);
    }
    if (response.headers.get('content-type')?.includes('json') !== true) {
      throw new CliError(`${this.url}${path} answered ${response.status} without JSON: is this a Signalbox server?`);
    }
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as T };
  }
}

/** `?name=value&…` of what is given, or nothing. */
function queryOf(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given.toString()}`;
}

/** One line: what is wrong, each field that the sentence does not name already, and the code. */
function problem({ status, body }: ApiAnswer<unknown>): CliError {
  const { title, detail, code, errors = [] } = (body ?? {}) as Problem;
  const sentence = detail ?? title ?? 'refused';
  const fields = errors.map(({ pointer, detail: what }) => `${pointer} ${what}`).filter((field) => !sentence.includes(field));
  const word = code === undefined ? '' : ` ${code}`;
  if (status === 401) fields.push(`set ${KEY_VARIABLE} to a key that the server honours`);
  return new CliError(`${[sentence, ...fields].join('; ')} (${status}${word})`, 1, status === 429 || status >= 500);
}

/** fetch says "fetch failed"; what failed is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause && cause.message === '' ? String(cause.code) : cause.message;
  return error.message;
}
