import type { Channel, Message } from 'amqplib';
import type { Timers } from '../../ports/clock.js';

/**
 * What one channel has been given and not settled. Delivery tags are its own and die with it: after that every settle
 * here does nothing, and the broker hands out again what it did not hear of. So nobody acks on a new channel by an old tag.
 */
export class Hold {
  /** In rising order, as they came. */
  readonly #unsettled = new Set<number>();
  #acks: number[] = [];
  #alive = true;

  constructor(
    private readonly channel: Channel,
    private readonly timers: Timers,
  ) {}

  get alive(): boolean {
    return this.#alive;
  }

  add(tag: number): void {
    this.#unsettled.add(tag);
  }

  /** Acks of one turn go together. */
  ack(tag: number): void {
    if (!this.#unsettled.delete(tag) || !this.#alive) return;
    if (this.#acks.length === 0) this.timers.after(0, () => this.flush());
    this.#acks.push(tag);
  }

  /** To be handed out again, to anyone. */
  giveBack(tag: number): void {
    this.#settle(tag, true);
  }

  /** To be dropped. */
  refuse(tag: number): void {
    this.#settle(tag, false);
  }

  /** Up to the oldest that is unsettled one ack covers all; above it each needs its own. */
  flush(): void {
    const acks = this.#acks;
    this.#acks = [];
    if (!this.#alive) return;
    const [oldest = Number.POSITIVE_INFINITY] = this.#unsettled;
    let covered = 0;
    for (const tag of acks) if (tag < oldest && tag > covered) covered = tag;
    this.#quietly(() => {
      if (covered > 0) this.channel.ack(tagged(covered), true);
      for (const tag of acks) if (tag > covered) this.channel.ack(tagged(tag));
    });
  }

  die(): void {
    this.#alive = false;
    this.#acks = [];
    this.#unsettled.clear();
  }

  #settle(tag: number, requeue: boolean): void {
    if (this.#unsettled.delete(tag) && this.#alive) this.#quietly(() => this.channel.nack(tagged(tag), false, requeue));
  }

  /** A channel that is closing throws; what it held is handed out again. */
  #quietly(send: () => void): void {
    try {
      send();
    } catch {
      this.die();
    }
  }
}

/** Settling needs nothing else of a message. */
function tagged(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as Message;
}
