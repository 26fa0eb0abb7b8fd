import type { Answer, Expected } from '../../tools/ledger/entry.js';
import type { Seeded } from '../support/seeded.js';
import { Poster } from './poster.js';

/** What is offered once and retried under one key until it is answered. */
interface Offer {
  readonly key: string;
  readonly body: string;
  readonly expected: readonly Expected[];
}

export interface LoadOptions {
  /** New notifications a second, whatever becomes of those before. */
  readonly rate: number;
  readonly seeded: Seeded;
  /** Distinguishes the keys of this run. */
  readonly run: string;
  /** The API's address; it may be down. */
  readonly url: string;
  /** Where webhooks go. */
  readonly sinkUrl: string;
}

export interface LoadCounts {
  readonly offered: number;
  /** First 2xx. */
  readonly answered: number;
  /** Requests that broke without an answer, each retried under its key. */
  readonly broken: number;
  /** 429 and 5xx, each retried under its key. */
  readonly refused: number;
  /** 2xx that said that the key is known. */
  readonly replayed: number;
}

export interface Load {
  /** Begins no new notification; what is under way is seen through. */
  stop(): Promise<void>;
  counts(): LoadCounts;
  readonly answers: readonly Answer[];
  /** Keys that never got a 2xx: given up, or refused for good. */
  readonly unanswered: readonly string[];
}

const TICK_MS = 10;
/** A client does give up in the end. Far longer than any outage of the drill. */
const PATIENCE_MS = 60_000;
/** Shares of the work. */
const BOTH_CHANNELS = 0.1;
const SCHEDULED = 0.1;
const URGENT = 0.1;
const REPEATED = 0.03;

/** An open loop: so many a second by the clock, each seen through by a client of its own as a careful one would. */
export function startLoad(options: LoadOptions): Load {
  const client = new CarefulClient(options);
  const under = new Set<Promise<void>>();
  const startedAt = performance.now();
  let offered = 0;
  const tick = (): void => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * options.rate);
    for (; offered < due; offered += 1) {
      const seen = client.seeThrough(offerOf(offered, options));
      under.add(seen);
      void seen.finally(() => under.delete(seen));
    }
  };
  const timer = setInterval(tick, TICK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      client.close();
    },
    counts: () => ({ offered, ...client.counts }),
    answers: client.answers,
    unanswered: client.unanswered,
  };
}

/** Recipients are this notification's alone, so that a receiver's ledger can be read by them. */
function offerOf(index: number, { seeded, run, sinkUrl }: LoadOptions): Offer {
  const name = `n${index}`;
  const addresses = { email: `${name}@drill.example.org`, webhook: `${sinkUrl}/sink/webhook/${name}` };
  const both = seeded.next() < BOTH_CHANNELS;
  const channels: readonly ('email' | 'webhook')[] = both ? ['email', 'webhook'] : index % 2 === 0 ? ['email'] : ['webhook'];
  const scheduled = seeded.next() < SCHEDULED ? new Date(Date.now() + seeded.between(500, 3000)).toISOString() : undefined;
  const body = {
    userId: `drill_${index % 50}`,
    channels,
    to: Object.fromEntries(channels.map((channel) => [channel, addresses[channel]])),
    category: 'drill',
    priority: seeded.next() < URGENT ? 'urgent' : 'normal',
    subject: `Drill ${index}`,
    body: `Number ${index} of a drill that kills the server again and again.`,
    ...(scheduled === undefined ? {} : { scheduledFor: scheduled }),
  };
  return {
    key: `${run}-${name}`,
    body: JSON.stringify(body),
    expected: channels.map((channel) => ({ channel, recipient: addresses[channel] })),
  };
}

/** Retries under the same key what broke or was refused for now, and notes every answer. */
class CarefulClient {
  readonly answers: Answer[] = [];
  readonly unanswered: string[] = [];
  readonly counts = { answered: 0, broken: 0, refused: 0, replayed: 0 };
  readonly #poster: Poster;
  readonly #seeded: Seeded;

  constructor({ url, seeded }: LoadOptions) {
    this.#poster = new Poster(url);
    this.#seeded = seeded;
  }

  close(): void {
    this.#poster.close();
  }

  async seeThrough(offer: Offer): Promise<void> {
    // Drawn here, not later: the order of later steps is the machine's, and a seed could not repeat it.
    const repeats = this.#seeded.next() < REPEATED;
    const jitter = 0.5 + this.#seeded.next();
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (let tries = 0; performance.now() < giveUpAt; tries += 1) {
      const { status, retryAfterS } = await this.#post(offer);
      if (status >= 200 && status < 300) {
        this.counts.answered += 1;
        if (repeats) await this.#post(offer);
        return;
      }
      if (status === 0) this.counts.broken += 1;
      else if (status === 429 || status >= 500) this.counts.refused += 1;
      else break;
      const backoffMs = Math.min(1000, 50 * 2 ** tries) * jitter;
      await new Promise((resolve) => setTimeout(resolve, Math.max(backoffMs, retryAfterS * 1000)));
    }
    this.unanswered.push(offer.key);
  }

  async #post(offer: Offer): Promise<{ readonly status: number; readonly retryAfterS: number }> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': offer.key };
    const { status, headers: told, body } = await this.#poster.post('/api/v1/notifications', headers, offer.body);
    const recordId = status >= 200 && status < 300 ? (JSON.parse(body) as { readonly notificationId: string }).notificationId : null;
    if (told['idempotency-replayed'] === 'true') this.counts.replayed += 1;
    this.answers.push({ tenant: 'default', key: offer.key, status, recordId, at: Date.now(), expected: offer.expected });
    return { status, retryAfterS: Number(told['retry-after'] ?? 0) };
  }
}
