import { Agent, type IncomingMessage, request } from 'node:http';
import { keyHeaders } from '../../src/config/client-key.js';

/** An answer, or status 0 where no whole one came: then nobody knows whether the request was acted on. */
export interface Posted {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const NO_ANSWER: Posted = { status: 0, headers: {}, body: '' };
const REQUEST_TIMEOUT_MS = 5_000;
const KNOCK_EVERY_MS = 50;
/** Requests at a time; the others wait in the agent, and do not all come at once when a server is back. */
const CONNECTIONS = 48;

/**
 * Posts over a small pool of kept connections. While the server is away one request knocks for all: hundreds that
 * retried on their own would take the processor from the server that is to come back.
 */
export class Poster {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #key = keyHeaders();
  #away: Promise<void> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Posted> {
    await this.#away;
    const posted = await this.#send('POST', path, headers, body);
    if (posted.status === 0) this.#away ??= this.#knock();
    return posted;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #knock(): Promise<void> {
    const giveUpAt = performance.now() + 60_000;
    while (performance.now() < giveUpAt && (await this.#send('GET', '/livez', {}, '')).status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, KNOCK_EVERY_MS));
    }
    this.#away = undefined;
  }

  #send(method: string, path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Posted> {
    return new Promise((resolve) => {
      const sent = request(this.#url + path, {
        method,
        agent: this.#agent,
        timeout: REQUEST_TIMEOUT_MS,
        headers: { ...this.#key, ...headers },
      });
      sent.once('timeout', () => sent.destroy());
      sent.once('error', () => resolve(NO_ANSWER));
      sent.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        });
        // An answer whose body broke off is no answer.
        response.once('error', () => resolve(NO_ANSWER));
      });
      sent.end(body);
    });
  }
}
