import type { Consumption, TakenWakeUp, WakeUp, WakeUpQueue } from '../../src/ports/queue.js';
import type { Incarnation, Setting } from './incarnation.js';
import type { Referee } from './referee.js';

const DOWN = 'queue-unavailable';

interface Message {
  readonly wakeUp: WakeUp;
  redeliveries: number;
}

/** One message in one consumer's hands. A broker forgets the hand-out when it gives the message to someone else. */
interface HandOut {
  readonly message: Message;
  readonly consumer: Consumer;
  state: 'taken' | 'settled';
}

interface Consumer {
  readonly who: Incarnation;
  readonly prefetch: number;
  readonly take: (wakeUps: readonly TakenWakeUp[]) => void;
  readonly held: Set<HandOut>;
  open: boolean;
}

/**
 * A broker: pushes wake-ups to competing consumers, gives out again what a dead consumer (or one that was silent for too
 * long) held, may double and reorder, and in some weathers loses what it had accepted.
 */
export class SimQueue {
  private readonly waiting: Record<WakeUp['priority'], Message[]> = { urgent: [], normal: [] };
  private readonly consumers = new Set<Consumer>();
  private delayed = 0;

  constructor(
    private readonly setting: Setting,
    private readonly referee: Referee,
  ) {}

  /** Nothing waits, nothing is taken, nothing comes back later. */
  get empty(): boolean {
    const { waiting, taken } = this.depth();
    return waiting === 0 && taken === 0;
  }

  get taken(): number {
    let taken = 0;
    for (const consumer of this.consumers) taken += consumer.held.size;
    return taken;
  }

  depth(): { waiting: number; taken: number } {
    return { waiting: this.waiting.urgent.length + this.waiting.normal.length + this.delayed, taken: this.taken };
  }

  /** The queue as one life of one process sees it. */
  of(who: Incarnation): WakeUpQueue {
    return {
      publish: (wakeUps) => who.call('queue.publish', DOWN, () => this.publish(who, wakeUps)),
      consume: (prefetch, take) => this.consume(who, prefetch, take),
      depth: () => who.call('queue.depth', DOWN, () => this.depth()),
    };
  }

  private publish(who: Incarnation, wakeUps: readonly WakeUp[]): void {
    const { world, rates, counts } = this.setting;
    this.referee.queuePublished(who, wakeUps);
    for (const { tenant, id, workload, priority, userId } of wakeUps) {
      if (world.rng.happens(rates.wakeUpLost)) {
        counts.wakeUpsLost += 1;
        world.trace(() => `the broker loses ${id.slice(0, 8)}`);
        continue;
      }
      const copies = world.rng.happens(rates.doubled) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        this.waiting[priority].push({ wakeUp: { tenant, id, workload, priority, userId }, redeliveries: 0 });
      }
    }
    this.handOut();
  }

  private consume(who: Incarnation, prefetch: number, take: Consumer['take']): Consumption {
    const { world } = this.setting;
    const consumer: Consumer = { who, prefetch, take, held: new Set(), open: true };
    this.consumers.add(consumer);
    world.in(1, () => this.handOut());
    return {
      stop: () => {
        consumer.open = false;
        // Whatever is on its way to this consumer is with it before the stop is confirmed.
        return new Promise((resolve) => world.in(10, () => who.enter(resolve)));
      },
    };
  }

  /** The broker notices that a consumer is gone: what it held is handed out again. */
  lost(who: Incarnation, forGood: boolean): void {
    for (const consumer of this.consumers) {
      if (consumer.who !== who) continue;
      for (const handOut of [...consumer.held]) this.takeBack(handOut);
      if (forGood) this.consumers.delete(consumer);
    }
    this.handOut();
  }

  private takeBack(handOut: HandOut): void {
    if (handOut.state === 'settled') return;
    handOut.state = 'settled';
    handOut.consumer.held.delete(handOut);
    handOut.message.redeliveries += 1;
    this.waiting[handOut.message.wakeUp.priority].push(handOut.message);
  }

  private handOut(): void {
    const { rng } = this.setting.world;
    const batches = new Map<Consumer, HandOut[]>();
    for (;;) {
      const lane = this.waiting.urgent.length > 0 ? this.waiting.urgent : this.waiting.normal;
      const ready = [...this.consumers].filter((one) => one.open && !one.who.dead && one.held.size < one.prefetch);
      if (ready.length === 0) break;
      const message = lane.shift();
      if (message === undefined) break;
      const consumer = rng.pick(ready);
      const handOut: HandOut = { message, consumer, state: 'taken' };
      consumer.held.add(handOut);
      const batch = batches.get(consumer);
      if (batch === undefined) batches.set(consumer, [handOut]);
      else batch.push(handOut);
    }
    for (const [consumer, batch] of batches) this.bring(consumer, batch);
  }

  private bring(consumer: Consumer, batch: readonly HandOut[]): void {
    const { world } = this.setting;
    world.in(world.rng.between(1, 5), () =>
      consumer.who.enter(() => {
        world.trace(() => `${consumer.who.name} is handed ${batch.map(({ message }) => message.wakeUp.id.slice(0, 8)).join(' ')}`);
        consumer.take(batch.map((handOut) => this.takenWakeUp(handOut)));
      }),
    );
  }

  private takenWakeUp(handOut: HandOut): TakenWakeUp {
    const { who } = handOut.consumer;
    const { wakeUp, redeliveries } = handOut.message;
    const handedAt = this.setting.world.now;
    let settled = false;
    const settle = async (what: string, note: () => void, apply: () => void): Promise<void> => {
      if (settled) return;
      settled = true;
      note();
      try {
        await who.call(what, DOWN, () => {
          // Taken back meanwhile: the broker knows this hand-out no more.
          if (handOut.state === 'settled') return;
          handOut.state = 'settled';
          handOut.consumer.held.delete(handOut);
          apply();
          this.handOut();
        });
      } catch (error) {
        // A channel on which a settle failed is closed, and the broker gives out again what was taken through it.
        this.setting.world.in(20, () => {
          this.takeBack(handOut);
          this.handOut();
        });
        throw error;
      }
    };
    return {
      ...wakeUp,
      redeliveries,
      ack: () =>
        settle(
          'queue.ack',
          () => this.referee.ack(who, wakeUp, handedAt),
          () => undefined,
        ),
      release: (delayMs) =>
        settle(
          'queue.release',
          () => this.referee.released(who, wakeUp),
          () => this.giveBack(handOut.message, delayMs),
        ),
    };
  }

  private giveBack(message: Message, delayMs: number): void {
    message.redeliveries += 1;
    this.delayed += 1;
    this.setting.world.in(delayMs, () => {
      this.delayed -= 1;
      this.waiting[message.wakeUp.priority].push(message);
      this.handOut();
    });
  }
}
