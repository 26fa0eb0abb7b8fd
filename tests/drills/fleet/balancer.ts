import { Agent, type IncomingMessage, request } from 'node:http';

/** What became of one try at one API; status 0 where no whole answer came: nobody knows then whether it was acted on. */
export interface Try {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly tookMs: number;
  /** The API that it went to. */
  readonly url: string;
}

const TRY_TIMEOUT_MS = 5_000;
/** As a balancer would: what has just refused a connection is tried last for so long. */
const MARKED_DOWN_MS = 500;
const CONNECTIONS = 64;

/**
 * A request goes to the next API in turn; where the connection breaks or it answers 503, to the one after it, until each has
 * been tried. Safe because of the idempotency key, as with any balancer that repeats what is idempotent.
 */
export class Balancer {
  readonly #urls: () => readonly string[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #downUntil = new Map<string, number>();
  #turn = 0;

  constructor(urls: () => readonly string[]) {
    this.#urls = urls;
  }

  /** All tries of one request in their order; the last is its answer. */
  async post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<readonly Try[]> {
    const tries: Try[] = [];
    for (const url of this.#inTurn()) {
      const made = await this.#send(url, path, headers, body);
      tries.push(made);
      if (made.status !== 0 && made.status !== 503) break;
      if (made.status === 0) this.#downUntil.set(url, performance.now() + MARKED_DOWN_MS);
    }
    return tries;
  }

  close(): void {
    this.#agent.destroy();
  }

  #inTurn(): readonly string[] {
    const urls = this.#urls();
    this.#turn += 1;
    const turned = urls.map((_, index) => urls[(index + this.#turn) % urls.length] as string);
    const now = performance.now();
    const down = (url: string): boolean => (this.#downUntil.get(url) ?? 0) > now;
    return [...turned.filter((url) => !down(url)), ...turned.filter(down)];
  }

  #send(url: string, path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Try> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const end = (status: number, told: IncomingMessage['headers'], text: string): void =>
        resolve({ status, headers: told, body: text, tookMs: performance.now() - startedAt, url });
      const sent = request(url + path, { method: 'POST', agent: this.#agent, timeout: TRY_TIMEOUT_MS, headers });
      sent.once('timeout', () => sent.destroy());
      sent.once('error', () => end(0, {}, ''));
      sent.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => end(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString('utf8')));
        // An answer whose body broke off is no answer.
        response.once('error', () => end(0, {}, ''));
      });
      sent.end(body);
    });
  }
}
