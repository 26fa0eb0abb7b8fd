import type { Channel, ConsumeMessage } from 'amqplib';
import type { Timer } from '../../ports/clock.js';
import type { Consumption, TakenWakeUp } from '../../ports/queue.js';
import { type Body, decode } from './body.js';
import { within } from './failure.js';
import { Hold } from './hold.js';
import { LastingChannel } from './lasting-channel.js';
import type { Link } from './link.js';
import type { Publisher } from './publisher.js';
import { declareQueue, isConsumed, type Topology } from './topology.js';

/** For urgent ones that are on their way: normal ones wait so long when more urgent ones than we may hold were there. */
const MOMENT_MS = 25;
const STOP_MS = 1000;
const CHECK_MS = 5000;
const QUIET_CHECKS = 4;
const URGENT = 'urgent';
const NORMAL = 'normal';
const SETTLED = Promise.resolve();

export interface ConsumerDeps {
  readonly link: Link;
  readonly publisher: Publisher;
  readonly topology: Topology;
  /** A message that is none of ours was dropped. */
  readonly onUnreadable: (queue: string) => void;
  /** It has stopped, and everything that it handed on is settled. */
  readonly onDone: (consumer: Consumer) => void;
}

/**
 * One consumption: a channel with a consumer on each queue. The broker gives up to `prefetch` of each; what is handed on
 * is `prefetch` in all, urgent first, and the rest waits here.
 */
export class Consumer implements Consumption {
  readonly #deps: ConsumerDeps;
  readonly #channel: LastingChannel<Channel>;
  readonly #urgent: Taken[] = [];
  readonly #normal: Taken[] = [];
  #hold: Hold | null = null;
  #live: Channel | null = null;
  #handed = 0;
  /** Of the present channel, urgent and not settled. */
  #urgentHeld = 0;
  #handingOut = false;
  #moment: Timer | undefined;
  #check: Timer | undefined;
  /** Checks since something arrived. */
  #quiet = 0;
  #stopped: Promise<void> | undefined;

  constructor(
    deps: ConsumerDeps,
    private readonly prefetch: number,
    private readonly take: (wakeUps: readonly TakenWakeUp[]) => void,
  ) {
    this.#deps = deps;
    this.#channel = new LastingChannel(deps.link, {
      open: (model) => model.createChannel(),
      use: (channel) => this.#use(channel),
      lost: (channel) => this.#lost(channel),
    });
  }

  /** Handed on and not settled. */
  get handed(): number {
    return this.#handed;
  }

  /** Here, and not handed on. */
  get buffered(): number {
    return this.#urgent.length + this.#normal.length;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** What it holds can no longer be settled: the broker hands it out again. Acks are sent first. */
  async close(): Promise<void> {
    await this.stop();
    this.#hold?.flush();
    await this.#channel.close();
    this.#deps.onDone(this);
  }

  /** @internal of {@link Taken} */
  settled(taken: Taken, hold: Hold): void {
    this.#handed -= 1;
    if (taken.lane === URGENT && hold === this.#hold) {
      if (this.#urgentHeld === this.prefetch) this.#expectUrgent();
      this.#urgentHeld -= 1;
    }
    if (this.#stopped === undefined) this.#handOutSoon();
    else if (this.#handed === 0) void this.close();
  }

  /** @internal of {@link Taken} */
  later(taken: Taken, ms: number): Promise<void> {
    const { publisher, topology } = this.#deps;
    return publisher.publishLater(taken, taken.lane === URGENT ? topology.urgent : topology.normal, ms, taken.redeliveries + 1);
  }

  async #use(channel: Channel): Promise<void> {
    const { topology, link } = this.#deps;
    if (this.#stopped !== undefined) return;
    const hold = new Hold(channel, link.timers);
    this.#hold = hold;
    this.#live = channel;
    this.#urgentHeld = 0;
    await declareQueue(channel, topology.urgent);
    await declareQueue(channel, topology.normal);
    await channel.prefetch(this.prefetch);
    for (const [lane, queue] of [
      [URGENT, topology.urgent],
      [NORMAL, topology.normal],
    ] as const) {
      if (this.#stopped !== undefined) return;
      // Short tags: each delivery carries one.
      await channel.consume(queue, (message) => this.#arrived(channel, hold, lane, message), { consumerTag: lane });
      if (lane === URGENT) this.#expectUrgent();
    }
    this.#checkSoon(channel);
  }

  /** Where a queue is deleted and made again at once, the broker may forget to tell, and we would wait for ever. */
  #checkSoon(channel: Channel): void {
    const { link, topology } = this.#deps;
    this.#check?.cancel();
    this.#check = link.timers.after(CHECK_MS, () => {
      if (channel !== this.#live || this.#stopped !== undefined) return;
      this.#quiet += 1;
      if (this.#quiet >= QUIET_CHECKS && this.#handed === 0) {
        // A queue that is deleted and made again at once can keep us on its list and give us nothing (RabbitMQ 3.10, one try of
        // five). Nobody can ask about that, so whoever hears nothing for a while subscribes anew.
        this.#quiet = 0;
        this.#channel.drop();
        return;
      }
      // Other processes' consumers hide that ours is gone; then they do the work.
      within(link.timers, CHECK_MS, 'a look at the consumers', isConsumed(channel, topology))
        .then((consumed) => (consumed ? this.#checkSoon(channel) : this.#channel.drop()))
        .catch(() => channel === this.#live && this.#channel.drop());
    });
  }

  #lost(channel: Channel): void {
    if (this.#live !== channel) return;
    this.#check?.cancel();
    this.#hold?.die();
    this.#hold = null;
    this.#live = null;
    this.#urgent.length = 0;
    this.#normal.length = 0;
  }

  #arrived(channel: Channel, hold: Hold, lane: Lane, message: ConsumeMessage | null): void {
    if (message === null) {
      // The queue was deleted, or its broker is going: a new channel finds, or makes, another.
      if (channel === this.#live) this.#channel.drop();
      return;
    }
    this.#quiet = 0;
    const { deliveryTag } = message.fields;
    hold.add(deliveryTag);
    const body = decode(message.content);
    if (body === null) {
      hold.refuse(deliveryTag);
      this.#deps.onUnreadable(message.fields.routingKey);
    } else if (this.#stopped !== undefined) hold.giveBack(deliveryTag);
    else {
      const taken = new Taken(this, hold, deliveryTag, lane, body, message);
      if (lane === URGENT) this.#urgentHeld += 1;
      (lane === URGENT ? this.#urgent : this.#normal).push(taken);
      this.#handOutSoon();
    }
  }

  /** After everything that came in one packet has been read, so that batches form. */
  #handOutSoon(): void {
    if (this.#handingOut || this.buffered === 0 || this.#handed >= this.prefetch) return;
    this.#handingOut = true;
    queueMicrotask(() => {
      this.#handingOut = false;
      this.#handOut();
    });
  }

  #handOut(): void {
    if (this.#stopped !== undefined) return;
    const room = this.prefetch - this.#handed;
    const batch = this.#urgent.splice(0, room);
    if (this.#moment === undefined && batch.length < room) batch.push(...this.#normal.splice(0, room - batch.length));
    if (batch.length === 0) return;
    this.#handed += batch.length;
    this.take(batch);
  }

  #expectUrgent(): void {
    this.#moment?.cancel();
    this.#moment = this.#deps.link.timers.after(MOMENT_MS, () => {
      this.#moment = undefined;
      this.#handOutSoon();
    });
  }

  async #stop(): Promise<void> {
    this.#moment?.cancel();
    this.#check?.cancel();
    for (const taken of [...this.#urgent.splice(0), ...this.#normal.splice(0)]) taken.giveBack();
    if (this.#handed === 0) {
      this.#hold?.flush();
      await this.#channel.close();
      this.#deps.onDone(this);
      return;
    }
    const channel = this.#live;
    if (channel === null) return;
    const cancelled = Promise.all([channel.cancel(URGENT), channel.cancel(NORMAL)]);
    // Refused: the channel is gone, and its consumers with it.
    await within(this.#deps.link.timers, STOP_MS, 'cancelling', cancelled).catch(() => {});
  }
}

type Lane = typeof URGENT | typeof NORMAL;

class Taken implements TakenWakeUp {
  readonly tenant: string;
  readonly id: string;
  readonly workload: string;
  readonly priority: Body['priority'];
  readonly userId: string | null;
  readonly redeliveries: number;
  #settled = false;

  constructor(
    private readonly consumer: Consumer,
    private readonly hold: Hold,
    private readonly tag: number,
    readonly lane: Lane,
    body: Body,
    message: ConsumeMessage,
  ) {
    this.tenant = body.tenant;
    this.id = body.id;
    this.workload = body.workload;
    this.priority = body.priority;
    this.userId = body.userId;
    const again: unknown = message.properties.headers?.['x-delivery-count'];
    this.redeliveries = body.redeliveries + (typeof again === 'number' ? again : 0);
  }

  ack(): Promise<void> {
    if (this.#settled) return SETTLED;
    this.#settled = true;
    this.hold.ack(this.tag);
    this.consumer.settled(this, this.hold);
    return SETTLED;
  }

  async release(delayMs: number): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    // On a channel that died it is handed out again already.
    if (delayMs <= 0 || !this.hold.alive) this.hold.giveBack(this.tag);
    else {
      try {
        await this.consumer.later(this, delayMs);
        this.hold.ack(this.tag);
      } catch {
        this.hold.giveBack(this.tag);
      }
    }
    this.consumer.settled(this, this.hold);
  }

  /** Unread. */
  giveBack(): void {
    this.hold.giveBack(this.tag);
  }
}
