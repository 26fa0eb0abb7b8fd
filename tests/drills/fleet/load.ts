import type { Answer, Expected } from '../../../tools/ledger/entry.js';
import type { Seeded } from '../../support/seeded.js';
import { Balancer, type Try } from './balancer.js';

/** What is offered once, and again under the same key until it is answered. */
export interface Offer {
  readonly key: string;
  readonly body: string;
  readonly expected: readonly Expected[];
  /** Its sender sends the next one of the same lane when it knows what became of this one. Left out: it waits for nothing. */
  readonly lane?: string;
}

/** Where offers go, and what an answer calls the id of what it took. */
export interface Accepts {
  readonly path: string;
  readonly idField: string;
}

/** What became of an offer. Milliseconds since the epoch; `offeredAt` is when it was first sent. */
export interface Offered {
  readonly key: string;
  readonly body: string;
  readonly offeredAt: number;
  readonly acceptedAt: number | null;
  readonly recordId: string | null;
}

export interface LoadOptions {
  /** New offers a second, whatever becomes of those before. */
  readonly rate: number;
  readonly seeded: Seeded;
  /** Distinguishes the keys and recipients of this run. */
  readonly run: string;
  /** The APIs that are to be asked. */
  readonly urls: () => readonly string[];
  readonly sinkUrl: string;
  /** Default: notifications. */
  readonly accepts?: Accepts;
  /** Default: a mix of all channels that go to the sink. */
  readonly offerOf?: OfferOf;
}

export type OfferOf = (index: number, on: Pick<LoadOptions, 'seeded' | 'run' | 'sinkUrl'>) => Offer;

export interface LoadCounts {
  readonly offered: number;
  /** First 2xx. */
  readonly accepted: number;
  /** Single tries at one API: without a whole answer, answered 503, answered 429, and any other answer that is no 2xx. */
  readonly broken: number;
  readonly unavailable: number;
  readonly throttled: number;
  readonly wrong: number;
  /** 503 or 429 that did not say when to come back. */
  readonly withoutRetryAfter: number;
  /** Requests that no API took, each having been tried: what the balancer's client sees as a failure. */
  readonly failedRequests: number;
  readonly replayed: number;
  /** The slowest whole answer, and the 99th percentile of them, milliseconds. */
  readonly slowestMs: number;
  readonly p99Ms: number;
  readonly slowestOkMs: number;
}

export interface FleetLoad {
  /** Changes the pace from now on; 0 pauses it. */
  pace(rate: number): void;
  /** Begins nothing new; what is under way is seen through. */
  stop(): Promise<void>;
  counts(): LoadCounts;
  /** Whole answers that took longer than this. */
  slowerThan(ms: number): number;
  readonly answers: readonly Answer[];
  /** As their fates became known: of one lane in the order in which they were sent. */
  readonly offers: readonly Offered[];
  /** Every answer that is neither a 2xx nor a promise of better times. */
  readonly wrong: readonly string[];
}

const TICK_MS = 10;
const NOTIFICATIONS: Accepts = { path: '/api/v1/notifications', idField: 'notificationId' };
const PATIENCE_MS = 600_000;
/** Clients at a time that come again; the others wait behind them, as in anybody's outbox. */
const COMING_AGAIN = 16;
const RETRY_FROM_MS = 100;
const RETRY_TO_MS = 1_000;

/** An open loop: so many a second by the clock, each tried at once, and what fails seen through by clients that come again. */
export function startLoad(options: LoadOptions): FleetLoad {
  const client = new Clients(options);
  const under = new Set<Promise<void>>();
  const lanes = new Map<string, Promise<void>>();
  const offerOf = options.offerOf ?? mixed;
  let { rate } = options;
  let due = 0;
  let last = performance.now();
  let offered = 0;
  const tick = (): void => {
    const now = performance.now();
    due += ((now - last) / 1000) * rate;
    last = now;
    for (; offered < Math.floor(due); offered += 1) {
      const one = offerOf(offered, options);
      const before = one.lane === undefined ? undefined : lanes.get(one.lane);
      const seen = before === undefined ? client.seeThrough(one) : before.then(() => client.seeThrough(one));
      if (one.lane !== undefined) lanes.set(one.lane, seen);
      under.add(seen);
      void seen.finally(() => under.delete(seen));
    }
  };
  const timer = setInterval(tick, TICK_MS);
  return {
    pace(next) {
      rate = next;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      client.close();
    },
    counts: () => ({ offered, ...client.counts() }),
    slowerThan: (ms) => client.times.filter((time) => time > ms).length,
    answers: client.answers,
    offers: client.offers,
    wrong: client.wrong,
  };
}

const EMAIL = 0.2;
const SMS = 0.15;
const PUSH = 0.15;

/** One channel each. Recipients are this notification's alone, so that a receiver's ledger can be read by them. */
const mixed: OfferOf = (index, { seeded, run, sinkUrl }) => {
  const drawn = seeded.next();
  const urgent = seeded.next() < 0.1;
  const channel = drawn < EMAIL ? 'email' : drawn < EMAIL + SMS ? 'sms' : drawn < EMAIL + SMS + PUSH ? 'push' : 'webhook';
  return offer(index, channel, { run, sinkUrl, priority: urgent ? 'urgent' : 'normal' });
};

const FIELD = { email: 'email', webhook: 'webhook', sms: 'phone', push: 'pushToken' } as const;

/** One notification by one channel, to a recipient of its own at the sink. `more` goes into the body as it is. */
export function offer(
  index: number,
  channel: keyof typeof FIELD,
  { run, sinkUrl, ...more }: { readonly run: string; readonly sinkUrl: string; readonly [field: string]: unknown },
): Offer {
  const recipient = {
    email: `n${index}@drill.example.org`,
    webhook: `${sinkUrl}/sink/webhook/n${index}`,
    sms: `+49151${String(10_000_000 + index)}`,
    push: `token-n${index}`,
  }[channel];
  const body = {
    userId: `drill_${index % 50}`,
    channels: [channel],
    to: { [FIELD[channel]]: recipient },
    category: 'drill',
    subject: `Drill ${index}`,
    body: `Number ${index} of a drill.`,
    ...more,
  };
  return { key: `${run}-n${index}`, body: JSON.stringify(body), expected: [{ channel, recipient }] };
}

/** Offers as their senders see them, and what the tries at single APIs came to. */
class Clients {
  readonly answers: Answer[] = [];
  readonly offers: Offered[] = [];
  readonly wrong: string[] = [];
  readonly times: number[] = [];
  readonly #counts = {
    accepted: 0,
    broken: 0,
    unavailable: 0,
    throttled: 0,
    wrong: 0,
    withoutRetryAfter: 0,
    failedRequests: 0,
    replayed: 0,
  };
  readonly #balancer: Balancer;
  readonly #seeded: Seeded;
  readonly #accepts: Accepts;
  readonly #line: (() => void)[] = [];
  #comingAgain = 0;
  #slowestOkMs = 0;

  constructor({ urls, seeded, accepts = NOTIFICATIONS }: LoadOptions) {
    this.#accepts = accepts;
    this.#balancer = new Balancer(urls);
    this.#seeded = seeded;
  }

  counts(): Omit<LoadCounts, 'offered'> {
    const sorted = [...this.times].sort((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
    return { ...this.#counts, slowestMs: at(1), p99Ms: at(0.99), slowestOkMs: Math.round(this.#slowestOkMs) };
  }

  close(): void {
    this.#balancer.close();
  }

  async seeThrough(one: Offer): Promise<void> {
    const offeredAt = Date.now();
    let last = await this.#request(one);
    if (mayComeAgain(last)) last = await this.#comeAgain(one, last);
    const accepted = last !== null && isOk(last);
    if (accepted) this.#counts.accepted += 1;
    this.offers.push({
      key: one.key,
      body: one.body,
      offeredAt,
      acceptedAt: accepted ? Date.now() : null,
      recordId: accepted ? this.#recordIdIn(last as Try) : null,
    });
  }

  /** In line with the others that were not taken; each waits as long as it was told to, and longer each time. */
  async #comeAgain(one: Offer, first: Try | null): Promise<Try | null> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    if (this.#comingAgain >= COMING_AGAIN) await new Promise<void>((resolve) => this.#line.push(resolve));
    this.#comingAgain += 1;
    let last = first;
    for (
      let backoffMs = RETRY_FROM_MS;
      mayComeAgain(last) && performance.now() < giveUpAt;
      backoffMs = Math.min(RETRY_TO_MS, 2 * backoffMs)
    ) {
      const told = Number(last?.headers['retry-after'] ?? 0) * 1000;
      await new Promise((resolve) => setTimeout(resolve, Math.max(told, backoffMs * (0.5 + this.#seeded.next()))));
      last = await this.#request(one);
    }
    this.#comingAgain -= 1;
    this.#line.shift()?.();
    return last;
  }

  async #request(one: Offer): Promise<Try | null> {
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(one.body)),
      'idempotency-key': one.key,
    };
    const tries = await this.#balancer.post(this.#accepts.path, headers, one.body);
    for (const made of tries) this.#note(one, made);
    const last = tries.at(-1) ?? null;
    if (last === null || !isOk(last)) this.#counts.failedRequests += 1;
    return last;
  }

  #note(one: Offer, made: Try): void {
    const { status, headers, tookMs } = made;
    const counts = this.#counts;
    if (status === 0) counts.broken += 1;
    else this.times.push(tookMs);
    if (status === 503) counts.unavailable += 1;
    if (status === 429) counts.throttled += 1;
    if ((status === 503 || status === 429) && headers['retry-after'] === undefined) counts.withoutRetryAfter += 1;
    if (!mayComeAgain(made) && !isOk(made)) {
      counts.wrong += 1;
      this.wrong.push(`${one.key}: ${status} ${made.body.slice(0, 200)}`);
    }
    if (isOk(made)) this.#slowestOkMs = Math.max(this.#slowestOkMs, tookMs);
    if (headers['idempotency-replayed'] === 'true') counts.replayed += 1;
    const recordId = isOk(made) ? this.#recordIdIn(made) : null;
    this.answers.push({ tenant: 'default', key: one.key, status, recordId, at: Date.now(), expected: one.expected });
  }

  #recordIdIn({ body }: Try): string {
    return (JSON.parse(body) as Readonly<Record<string, string>>)[this.#accepts.idField] ?? '';
  }
}

function isOk({ status }: Try): boolean {
  return status >= 200 && status < 300;
}

function mayComeAgain(last: Try | null): boolean {
  return last === null || [0, 429, 503].includes(last.status);
}
