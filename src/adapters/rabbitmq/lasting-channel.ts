import type { Channel, ChannelModel } from 'amqplib';
import type { Timer } from '../../ports/clock.js';
import { within } from './failure.js';
import type { Link, OnLink } from './link.js';

const AGAIN_FIRST_MS = 100;
const AGAIN_LAST_MS = 2000;
const CLOSE_MS = 1000;

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
      await this.#user.use(channel);
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
    // Refused where it is closed already: another is under way.
    this.#channel?.close().catch(() => {});
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
