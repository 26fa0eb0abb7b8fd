import type { Channel, ChannelModel } from 'amqplib';
import type { Timer } from '../../ports/clock.js';
import { within } from './failure.js';
import type { Link, OnLink } from './link.js';

const AGAIN_FIRST_MS = 100;
const AGAIN_LAST_MS = 2000;
/** A broker in the middle of making or deleting a queue may let a question wait for ever. */
const USE_MS = 10_000;
const CLOSE_MS = 2000;

/** Who uses a channel, as long as it lasts. */
export interface ChannelUser<C extends Channel> {
  open(model: ChannelModel): Promise<C>;
  /** Makes it ready. Rejects: it is closed, and another is made. */
  use(channel: C): Promise<void>;
  /** It is gone, with everything unsettled on it. */
  lost(channel: C): void;
}

/**
 * A channel of a connection, made anew after each loss: with the connection, or by itself when the broker closed it alone
 * (a consumer's time limit, a queue that was deleted).
 */
export class LastingChannel<C extends Channel> implements OnLink {
  readonly #link: Link;
  readonly #user: ChannelUser<C>;
  #channel: C | null = null;
  /** Asked to close. */
  #dropped: C | null = null;
  #again: Timer | undefined;
  #failures = 0;
  #closed = false;

  constructor(link: Link, user: ChannelUser<C>) {
    this.#link = link;
    this.#user = user;
    link.attach(this);
  }

  async renew(model: ChannelModel): Promise<void> {
    if (this.#closed) return;
    this.#again?.cancel();
    try {
      const channel = await this.#user.open(model);
      this.#channel = channel;
      // Told with 'close', which follows.
      channel.on('error', () => {});
      channel.on('close', () => this.#gone(channel, model));
      if (this.#closed) return this.drop();
      await within(this.#link.timers, USE_MS, 'preparing a channel', this.#user.use(channel));
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      if (this.#channel === null) this.#tryAgain(model);
      else this.drop();
      // Closed on the way: nobody wants it any more.
      if (!this.#closed) throw error;
    }
  }

  /** Gives the present one up; another is made. */
  drop(): void {
    const channel = this.#channel;
    const { model } = this.#link;
    if (channel === null || channel === this.#dropped) return;
    this.#dropped = channel;
    within(this.#link.timers, CLOSE_MS, 'closing a channel', channel.close()).catch(() => {
      // What hangs in the broker takes its connection with it.
      if (this.#channel === channel && model !== null) void this.#link.abandon(model);
    });
  }

  /** For good. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#again?.cancel();
    this.#link.detach(this);
    if (this.#channel !== null) await within(this.#link.timers, CLOSE_MS, 'closing a channel', this.#channel.close()).catch(() => {});
  }

  #gone(channel: C, model: ChannelModel): void {
    if (this.#channel === channel) this.#channel = null;
    this.#user.lost(channel);
    this.#tryAgain(model);
  }

  #tryAgain(model: ChannelModel): void {
    // With the connection gone, the next connection's setup makes it.
    if (this.#closed || this.#link.model !== model) return;
    const pause = Math.min(AGAIN_LAST_MS, AGAIN_FIRST_MS * 2 ** this.#failures);
    this.#again?.cancel();
    this.#again = this.#link.timers.after(pause, () => {
      if (this.#link.model === model) this.renew(model).catch(() => {});
    });
  }
}
