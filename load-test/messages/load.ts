import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../client.js';
import { now } from '../stats.js';
import type { MessageOptions, Phase } from './options.js';

/** One message that was to be sent. Times are milliseconds since the epoch; 0 where it did not come to that. */
export interface Sent {
  readonly n: number;
  readonly conversationId: string;
  readonly clientMessageId: string;
  readonly content: string;
  readonly intendedAt: number;
  sentAt: number;
  answeredAt: number;
  /** Of the last answer; 0: none. */
  status: number;
  /** Null: it was not accepted. */
  messageId: string | null;
  error: string | null;
  repeat: { readonly status: number; readonly messageId: string | null; readonly hit: boolean; readonly late: boolean } | null;
}

interface Accepted {
  readonly messageId: string;
  readonly idempotentHit: boolean;
}

const IN_FLIGHT_MAX = 20_000;
/** How long after the first answer a late repeat comes. */
const REPEAT_AFTER_MS = 250;
const SETTLE_WITHIN_MS = 60_000;
const SETTLE_AGAIN_MS = 250;

/** An open loop: each message is sent when it is due, whatever became of those before. */
export class MessageLoad {
  readonly sent: Sent[] = [];
  readonly #client: Client;
  readonly #run: string;
  readonly #options: MessageOptions;
  readonly #under = new Set<Promise<void>>();

  constructor(client: Client, run: string, options: MessageOptions) {
    this.#client = client;
    this.#run = run;
    this.#options = options;
  }

  get inFlight(): number {
    return this.#under.size;
  }

  get accepted(): number {
    return this.sent.filter(({ messageId }) => messageId !== null).length;
  }

  /** Resolves when everything is answered or given up. */
  async play(startAt: number): Promise<void> {
    let n = 0;
    for (const offset of timesOf(this.#options.phases)) {
      const due = startAt + offset;
      for (let wait = due - now(); wait > 0; wait = due - now()) await sleep(wait);
      this.#fire(n, due);
      n += 1;
    }
    await Promise.all(this.#under);
    await this.#settleUnanswered();
  }

  /** Asks again under the key where no answer came, or one that leaves it open: it may have been accepted all the same. */
  async #settleUnanswered(): Promise<void> {
    const giveUpAt = now() + SETTLE_WITHIN_MS;
    for (const message of this.sent) {
      while (message.sentAt !== 0 && message.messageId === null && isOpen(message.status) && now() < giveUpAt) {
        const { status, body } = await this.#post(message);
        message.status = status;
        if (isPositive(status)) message.messageId = body.messageId;
        else if (isOpen(status)) await sleep(SETTLE_AGAIN_MS);
      }
    }
  }

  #fire(n: number, intendedAt: number): void {
    const { conversations, duplicatesPercent } = this.#options;
    const conversationId = `${this.#run}-${n % conversations}`;
    const content = `Message ${Math.floor(n / conversations)} of conversation ${n % conversations}`;
    const blank = { sentAt: 0, answeredAt: 0, status: 0, messageId: null, error: null, repeat: null };
    const message: Sent = { n, conversationId, clientMessageId: `${this.#run}-${n}`, content, intendedAt, ...blank };
    this.sent.push(message);
    if (this.#under.size >= IN_FLIGHT_MAX) {
      message.error = 'too many in flight';
      return;
    }
    // The n-th repeat is due where the running share passes the next whole number.
    const repeats = Math.floor(((n + 1) * duplicatesPercent) / 100);
    const repeated = repeats > Math.floor((n * duplicatesPercent) / 100);
    const work = repeated ? this.#sendTwice(message, repeats % 2 === 0) : this.#send(message);
    this.#under.add(work);
    void work.finally(() => this.#under.delete(work));
  }

  async #sendTwice(message: Sent, atOnce: boolean): Promise<void> {
    const first = this.#send(message);
    if (!atOnce) {
      await first;
      await sleep(REPEAT_AFTER_MS);
    }
    const [{ status, body }] = await Promise.all([this.#post(message), first]);
    const positive = isPositive(status);
    message.repeat = { status, messageId: positive ? body.messageId : null, hit: positive && body.idempotentHit, late: !atOnce };
  }

  async #send(message: Sent): Promise<void> {
    message.sentAt = now();
    const { status, body, failure } = await this.#post(message);
    message.answeredAt = now();
    message.status = status;
    if (isPositive(status)) message.messageId = body.messageId;
    else message.error = failure ?? `http ${status}`;
  }

  /** The same bytes whenever it is sent. */
  #post({ n, conversationId, clientMessageId, content }: Sent) {
    const body = {
      conversationId,
      senderId: `load_${n % this.#options.conversations}`,
      content,
      contentType: 'text',
      clientMessageId,
      recipientIds: [`load_${(n + 1) % this.#options.conversations}_r`],
    };
    return this.#client.post<Accepted>(this.#options.path, { 'content-type': 'application/json' }, JSON.stringify(body));
  }
}

/** When each message is due, milliseconds from the start. */
function* timesOf(phases: readonly Phase[]): Generator<number> {
  let from = 0;
  for (const { durationS, rate } of phases) {
    for (let n = 0; n / rate < durationS; n += 1) yield from + (n * 1000) / rate;
    from += durationS * 1000;
  }
}

function isPositive(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Whether an answer (0: none) says neither that it was accepted nor that it was not. */
function isOpen(status: number): boolean {
  return status === 0 || status >= 500;
}
