/** What the runner and the contestants of the messages case agree upon. */

import { meter, type Spent } from '../meter.js';

export const PARTITIONS = 16;
const CONVERSATIONS = 1000;
/** Entries of one read of one partition: the program's default. */
export const BATCH = 10;
/** Of a worker that takes single jobs. */
export const CONCURRENCY = 100;

/** So many messages, offered with so many accepts under way. */
export interface MessagePass {
  readonly items: number;
  readonly inFlight: number;
  /** Makes ids of this pass its own. */
  readonly pass: string;
}

/** A constant offer. */
export interface PacePass {
  readonly items: number;
  readonly perSecond: number;
  readonly pass: string;
}

/** Milliseconds from the accept's call to the handler's. */
export interface Paced {
  readonly p50: number;
  readonly p99: number;
}

/** One message of a conversation, as all contestants carry it. */
export function messageOf(pass: string, seq: number) {
  const conversation = `conversation-${seq % CONVERSATIONS}`;
  const id = `${pass}-${String(seq).padStart(9, '0')}`;
  const body = JSON.stringify({
    seq,
    conversation,
    senderId: 'user_001',
    contentType: 'text',
    content: `${'Lorem ipsum dolor sit amet. '.repeat(4)}${seq}`,
  });
  return { id, conversation, body };
}

/** Which message a body is, after reading it as a handler would. */
export function seqOf(body: string): number {
  return (JSON.parse(body) as { readonly seq: number }).seq;
}

/** Calls `accept` for 0 … items−1, so many at a time. */
export async function offer(
  { items, inFlight }: Pick<MessagePass, 'items' | 'inFlight'>,
  accept: (seq: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items) {
      const seq = next;
      next += 1;
      await accept(seq);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

/** Calls `accept` at a constant pace, whether or not it is answered; resolves when all are. */
async function offerPaced(
  { items, perSecond }: Pick<PacePass, 'items' | 'perSecond'>,
  accept: (seq: number) => Promise<unknown>,
): Promise<void> {
  const startedAt = performance.now();
  const answers: Promise<unknown>[] = [];
  await new Promise<void>((resolve) => {
    const look = (): void => {
      const due = Math.min(items, Math.floor(((performance.now() - startedAt) * perSecond) / 1000));
      while (answers.length < due) answers.push(accept(answers.length));
      if (answers.length < items) setTimeout(look, 1);
      else resolve();
    };
    look();
  });
  await Promise.all(answers);
}

function percentilesOf(times: readonly number[]): Paced {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Ticks off who was handled, and in each conversation in which order. */
export class Handled {
  readonly times: number[] = [];
  readonly #sentAt = new Map<number, number>();
  readonly #last = new Map<number, number>();
  /** Messages that were handled behind a later one of their conversation. */
  outOfOrder = 0;

  sent(seq: number): void {
    this.#sentAt.set(seq, performance.now());
  }

  handled(seq: number): void {
    const conversation = seq % CONVERSATIONS;
    if ((this.#last.get(conversation) ?? -1) > seq) this.outOfOrder += 1;
    this.#last.set(conversation, seq);
    const sentAt = this.#sentAt.get(seq);
    if (sentAt !== undefined) this.times.push(performance.now() - sentAt);
  }
}

/** What a contestant does in its own way. */
interface Ways {
  /** Consumes until so many are handled, while `work` offers them. */
  consuming(items: number, handled: Handled, work: () => Promise<void>): Promise<void>;
  /** One message in one call. */
  accept(pass: string, seq: number): Promise<unknown>;
  /** Offers a whole pass. Left out: one call for each message. */
  offerAll?(pass: MessagePass): Promise<void>;
}

/** The passes that the runner asks every contestant for. */
export function passesOf({ consuming, accept, offerAll }: Ways) {
  const singly = (on: MessagePass): Promise<void> => offer(on, (seq) => accept(on.pass, seq));
  return {
    async through(on: MessagePass): Promise<Spent & { readonly outOfOrder: number }> {
      const handled = new Handled();
      const spent = meter();
      await consuming(on.items, handled, () => (offerAll ?? singly)(on));
      return { ...spent(), outOfOrder: handled.outOfOrder };
    },
    async accept(on: MessagePass): Promise<Spent> {
      const spent = meter();
      await singly(on);
      const taken = spent();
      await consuming(on.items, new Handled(), async () => {});
      return taken;
    },
    async paced({ items, perSecond, pass }: PacePass): Promise<Paced> {
      const handled = new Handled();
      await consuming(items, handled, () =>
        offerPaced({ items, perSecond }, (seq) => {
          handled.sent(seq);
          return accept(pass, seq);
        }),
      );
      return percentilesOf(handled.times);
    },
  };
}
