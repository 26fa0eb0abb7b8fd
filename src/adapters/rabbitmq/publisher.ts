import type { ConfirmChannel, Message, Options } from 'amqplib';
import type { SignalboxError } from '../../errors.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { WakeUp } from '../../ports/queue.js';
import { decode, encode } from './body.js';
import { sayWhy, unavailable, within } from './failure.js';
import { LastingChannel } from './lasting-channel.js';
import { Link, type LinkOptions } from './link.js';
import { bindDelays, declareAll, declareQueue, nearestDelay, type Topology } from './topology.js';

/** Messages sent and not confirmed: what a broker that stands still can make us hold. */
const WINDOW = 256;
/** Wake-ups that wait for room in the window; their publishers hold them anyway. */
const WAITING_AT_MOST = 50_000;
/** Without one confirm for so long the broker is taken for dead. */
const CONFIRM_MS = 5000;
/** A broker short of memory or disk takes nothing; a short alarm is waited out. */
const BLOCKED_MS = 1000;
const PROBE_MS = 1000;
const FLUSH_MS = 5000;

/** Persistent, and returned where no queue takes it. */
const OPTIONS: Options.Publish = { persistent: true, mandatory: true };

interface Route {
  readonly exchange: string;
  readonly key: string;
}

/** Of one channel. */
interface Lane {
  readonly channel: ConfirmChannel;
  inFlight: number;
}

/** What one call publishes; settled as a whole. */
interface Batch {
  readonly wakeUps: readonly WakeUp[];
  readonly routeOf: (wakeUp: WakeUp) => Route;
  readonly redeliveries: number;
  sent: number;
  confirmed: number;
  readonly settled: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: SignalboxError) => void;
}

/**
 * Publishes with confirms in a bounded window, on a connection of its own: a broker that blocks publishers stops reading
 * from their connection, and acks must get through.
 */
export class Publisher {
  readonly link: Link;
  readonly #topology: Topology;
  readonly #clock: Clock;
  readonly #channel: LastingChannel<ConfirmChannel>;
  #lane: Lane | null = null;
  /** Not confirmed as a whole, in the order of their calls. */
  readonly #batches = new Set<Batch>();
  #waiting: Batch[] = [];
  #unsent = 0;
  #progressAt = 0;
  #watch: Timer | undefined;
  #blocked: string | null = null;
  #patience: Timer | undefined;
  #refusing = false;
  #healing = false;

  constructor(topology: Topology, clock: Clock, options: LinkOptions) {
    this.#topology = topology;
    this.#clock = clock;
    this.link = new Link(options, (reason) => this.#onBlocked(reason));
    this.#channel = new LastingChannel(this.link, {
      open: (model) => model.createConfirmChannel(),
      use: (channel) => this.#use(channel),
      lost: (channel) => this.#lost(channel),
    });
  }

  /** Resolves when all are confirmed. Rejects, in bounded time, where one was not; others may have got through. */
  publish(wakeUps: readonly WakeUp[]): Promise<void> {
    const { normal, urgent } = this.#topology;
    return this.#send(wakeUps, ({ priority }) => ({ exchange: '', key: priority === 'urgent' ? urgent : normal }), 0);
  }

  /** Brings it back to `queue` after about `ms`. Resolves when the broker has it. */
  publishLater(wakeUp: WakeUp, queue: string, ms: number, redeliveries: number): Promise<void> {
    const exchange = nearestDelay(this.#topology, ms).name;
    return this.#send([wakeUp], () => ({ exchange, key: queue }), redeliveries);
  }

  /** Resolves when the broker would take a message; says in at most a second that it does not. */
  async probe(): Promise<void> {
    const { timers } = this.link;
    if (this.#blocked !== null) throw this.#blockedError();
    if (this.#lane === null) throw this.#notConnected();
    await within(timers, PROBE_MS, 'probe', declareQueue(this.#lane.channel, this.#topology.normal));
  }

  /** Waits a while for what is not confirmed. */
  async close(): Promise<void> {
    const settled = [...this.#batches].map(({ settled }) => settled);
    await within(this.link.timers, FLUSH_MS, 'confirms', Promise.allSettled(settled)).catch(() => {});
    this.#watch?.cancel();
    this.#patience?.cancel();
    await this.link.close();
    this.#failAll(unavailable('RabbitMQ: closed'));
  }

  #send(wakeUps: readonly WakeUp[], routeOf: Batch['routeOf'], redeliveries: number): Promise<void> {
    if (wakeUps.length === 0) return Promise.resolve();
    if (this.#refusing) return Promise.reject(this.#blockedError());
    if (this.#lane === null) return Promise.reject(this.#notConnected());
    if (this.#unsent >= WAITING_AT_MOST) return Promise.reject(unavailable(`RabbitMQ: ${this.#unsent} wake-ups wait to be published`));
    const { promise: settled, resolve, reject } = deferred();
    const batch: Batch = { wakeUps, routeOf, redeliveries, sent: 0, confirmed: 0, settled, resolve, reject };
    if (this.#batches.size === 0) this.#progressAt = this.#clock.monotonic();
    this.#batches.add(batch);
    this.#waiting.push(batch);
    this.#unsent += wakeUps.length;
    this.#watchOver();
    this.#pump();
    return settled;
  }

  async #use(channel: ConfirmChannel): Promise<void> {
    await declareAll(channel, this.#topology);
    await bindDelays(channel, this.#topology);
    channel.on('return', (message) => this.#returned(message));
    this.#lane = { channel, inFlight: 0 };
  }

  #lost(channel: ConfirmChannel): void {
    // amqplib fails what was sent; this is for what was not.
    if (this.#lane?.channel !== channel) return;
    this.#lane = null;
    this.#failAll(this.#notConnected());
  }

  #pump(): void {
    const lane = this.#lane;
    for (let batch = this.#waiting[0]; batch !== undefined && lane !== null && lane.inFlight < WINDOW; batch = this.#waiting[0]) {
      const wakeUp = batch.wakeUps[batch.sent];
      if (wakeUp !== undefined) {
        try {
          this.#sendOne(lane, batch, wakeUp);
        } catch (error) {
          this.#fail(batch, unavailable(`RabbitMQ: ${sayWhy(error)}`, error));
          continue;
        }
      }
      if (batch.sent >= batch.wakeUps.length) this.#waiting.shift();
    }
  }

  #sendOne(lane: Lane, batch: Batch, wakeUp: WakeUp): void {
    const { exchange, key } = batch.routeOf(wakeUp);
    lane.channel.publish(exchange, key, encode(wakeUp, batch.redeliveries), OPTIONS, (error: unknown) => {
      lane.inFlight -= 1;
      this.#progressAt = this.#clock.monotonic();
      if (error === null) this.#confirmed(batch);
      else this.#fail(batch, unavailable(`RabbitMQ did not confirm: ${sayWhy(error)}`, error));
      this.#pump();
    });
    lane.inFlight += 1;
    batch.sent += 1;
    this.#unsent -= 1;
  }

  #confirmed(batch: Batch): void {
    batch.confirmed += 1;
    if (batch.confirmed === batch.wakeUps.length && this.#batches.delete(batch)) batch.resolve();
  }

  #fail(batch: Batch, error: SignalboxError): void {
    if (!this.#batches.delete(batch)) return;
    const at = this.#waiting.indexOf(batch);
    if (at >= 0) this.#waiting.splice(at, 1);
    this.#unsent -= batch.wakeUps.length - batch.sent;
    batch.reject(error);
  }

  #failAll(error: SignalboxError): void {
    for (const batch of [...this.#batches]) this.#fail(batch, error);
  }

  /** No queue took it; its confirm follows, and means nothing. */
  #returned({ content, fields }: Message): void {
    const body = decode(content);
    const error = unavailable(`RabbitMQ has no queue "${fields.routingKey}" (it is made again)`);
    for (const batch of [...this.#batches]) {
      const sent = batch.wakeUps.slice(0, batch.sent);
      if (sent.some(({ tenant, id }) => body === null || (tenant === body.tenant && id === body.id))) this.#fail(batch, error);
    }
    this.#heal();
  }

  #heal(): void {
    const channel = this.#lane?.channel;
    if (this.#healing || channel === undefined) return;
    this.#healing = true;
    // Where it fails the channel is closed, and made anew with all that belongs to it.
    declareAll(channel, this.#topology)
      .then(() => bindDelays(channel, this.#topology))
      .catch(() => {})
      .finally(() => {
        this.#healing = false;
      });
  }

  #watchOver(): void {
    if (this.#watch !== undefined || this.#batches.size === 0) return;
    const silentFor = this.#clock.monotonic() - this.#progressAt;
    this.#watch = this.link.timers.after(Math.max(1, CONFIRM_MS - silentFor), () => {
      this.#watch = undefined;
      if (this.#batches.size > 0 && this.#clock.monotonic() - this.#progressAt >= CONFIRM_MS) this.#stalled();
      this.#watchOver();
    });
  }

  #stalled(): void {
    // A confirm that comes after all finds nobody; one that never comes must not hold a place in the window for ever.
    this.#lane = null;
    this.#failAll(unavailable(`RabbitMQ has confirmed nothing for ${CONFIRM_MS} ms`));
    this.#channel.drop();
  }

  #onBlocked(reason: string | null): void {
    this.#blocked = reason;
    this.#patience?.cancel();
    this.#refusing = false;
    if (reason === null) return;
    this.#patience = this.link.timers.after(BLOCKED_MS, () => {
      this.#refusing = true;
      this.#failAll(this.#blockedError());
    });
  }

  #blockedError(): SignalboxError {
    return unavailable(`RabbitMQ blocks publishers: ${this.#blocked ?? 'just now'}`);
  }

  #notConnected(): SignalboxError {
    return unavailable(`RabbitMQ is not connected: ${this.link.why}`);
  }
}

/** `Promise.withResolvers`, which Node 20 has not. */
function deferred() {
  let resolve: () => void = () => {};
  let reject: (error: SignalboxError) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
