import type { Channel } from 'amqplib';
import type { Consumption, TakenWakeUp, WakeUp, WakeUpQueue } from '../../ports/queue.js';
import { Consumer, type ConsumerDeps } from './consumer.js';
import { sayWhy, unavailable, within } from './failure.js';
import { LastingChannel } from './lasting-channel.js';
import { declareAll } from './topology.js';

const ANSWER_MS = 2000;

/**
 * `WakeUpQueue` on RabbitMQ. Wake-ups may come twice, and one that came back twenty times is dropped, until the sweeper
 * publishes it again: a wake-up may be both. Urgent ones come first; a delayed release comes back after about its time. Not
 * fair between users, and it collapses nothing.
 */
export class RabbitQueue implements WakeUpQueue {
  readonly #deps: ConsumerDeps;
  readonly #consumers = new Set<Consumer>();
  #control: Channel | null = null;

  constructor(deps: Omit<ConsumerDeps, 'onDone'>) {
    this.#deps = { ...deps, onDone: (consumer) => this.#consumers.delete(consumer) };
    new LastingChannel<Channel>(deps.link, {
      open: (model) => model.createChannel(),
      use: async (channel) => {
        this.#control = channel;
      },
      lost: (channel) => {
        if (this.#control === channel) this.#control = null;
      },
    });
  }

  publish(wakeUps: readonly WakeUp[]): Promise<void> {
    return this.#deps.publisher.publish(wakeUps);
  }

  consume(prefetch: number, take: (wakeUps: readonly TakenWakeUp[]) => void): Consumption {
    const consumer = new Consumer(this.#deps, prefetch, take);
    this.#consumers.add(consumer);
    return consumer;
  }

  /**
   * Waiting: ready or delayed at the broker, or in this process and not handed on. Taken: handed on by this process. What
   * other processes hold is in neither; each tells of its own. A wake-up on its way to us is counted a moment later.
   */
  async depth(): Promise<{ readonly waiting: number; readonly taken: number }> {
    const atBroker = await this.#ask();
    let waiting = atBroker;
    let taken = 0;
    for (const consumer of this.#consumers) {
      waiting += consumer.buffered;
      taken += consumer.handed;
    }
    return { waiting, taken };
  }

  /** Resolves when the broker answers and has the queues. */
  async probe(): Promise<void> {
    await this.#deps.publisher.probe();
    await this.#ask();
  }

  /** Acks are sent, what is held goes back. */
  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
  }

  /** A queue that somebody deleted is made again on the way. */
  async #ask(): Promise<number> {
    const { link, topology } = this.#deps;
    if (this.#control === null) throw unavailable(`RabbitMQ is not connected: ${link.why}`);
    try {
      return await within(link.timers, ANSWER_MS, 'depth', declareAll(this.#control, topology));
    } catch (error) {
      throw unavailable(`RabbitMQ: ${sayWhy(error)}`, error);
    }
  }
}
