import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { type ChannelModel, connect } from 'amqplib';
import { openRabbit, type Rabbit, type RabbitOptions } from '../../src/adapters/rabbitmq/rabbitmq.js';
import { topologyOf } from '../../src/adapters/rabbitmq/topology.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { QueueHarness } from '../contracts/queue-contract.js';
import { type Broker, startBroker } from './rabbitmq-broker.js';

/** What a publish rejects with while the broker cannot take it. */
export const UNAVAILABLE = { name: 'SignalboxError', code: 'queue-unavailable' };

/** A broker for a file of tests; for each test a base name of its own and the adapter opened on it. */
export class Stage {
  group = '';
  /** What the test's first adapter told of its connections. */
  events: string[] = [];
  #broker: Broker | undefined;
  #opened: Rabbit[] = [];
  #groups: string[] = [];

  constructor() {
    beforeAll(async () => {
      this.#broker = await startBroker();
    }, 120_000);
    afterAll(() => this.#broker?.dispose());
    beforeEach(async () => {
      this.group = this.freshGroup();
      this.events = [];
      await this.open({ onConnection: (event, detail) => this.events.push(`${event} ${detail}`) });
    });
    // Queues that nobody needs would make each start of the broker longer.
    afterEach(async () => {
      await Promise.all(this.#opened.map((rabbit) => rabbit.close()));
      if (!this.broker.running) await this.broker.start();
      await this.beside((connection) => removeAll(connection, this.#groups));
      this.#opened = [];
      this.#groups = [];
    }, 120_000);
  }

  get broker(): Broker {
    if (this.#broker === undefined) throw new Error('no test is running');
    return this.#broker;
  }

  /** The test's first. */
  get rabbit(): Rabbit {
    const [first] = this.#opened;
    if (first === undefined) throw new Error('no test is running');
    return first;
  }

  freshGroup(): string {
    const group = `test-${process.pid}-${performance.now().toFixed(3)}`;
    this.#groups.push(group);
    return group;
  }

  /** One more, as another process would have it; closed after the test. */
  async open(options: Partial<RabbitOptions> = {}): Promise<Rabbit> {
    const times = { timers: createSystemTimers(), clock: createSystemClock() };
    const names = { url: this.broker.uri, group: this.group, name: 'test' };
    const rabbit = await openRabbit({ ...names, ...times, onConnection: () => {}, ...options });
    this.#opened.push(rabbit);
    return rabbit;
  }

  /** Ready and consumers, as the queue itself counts them. */
  look(queue: string): Promise<{ readonly ready: number; readonly consumers: number }> {
    return this.beside(async (connection) => {
      const { messageCount, consumerCount } = await (await connection.createChannel()).checkQueue(queue);
      return { ready: messageCount, consumers: consumerCount };
    });
  }

  /** On a plain connection beside the adapter's. */
  async beside<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> {
    const connection = await connect(this.broker.uri);
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  }
}

async function removeAll(connection: ChannelModel, groups: readonly string[]): Promise<void> {
  const channel = await connection.createChannel();
  for (const { normal, urgent, delays } of groups.map(topologyOf)) {
    for (const queue of [normal, urgent, ...delays.map(({ name }) => name)]) await channel.deleteQueue(queue);
    for (const { name } of delays) await channel.deleteExchange(name);
  }
}

/** Below the time limit of a test: a loop that outlives its test would keep the whole run from ending. */
const UNTIL_MS = 50_000;

/** Asks again until it is so, and not for ever. */
export async function until(question: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + UNTIL_MS;
  while (!(await question())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${UNTIL_MS} ms`);
    await setTimeout(20);
  }
}

export function resolvesOrNot(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

/** The adapter under the contract. Time is real; a crash is the broker's, by SIGKILL. */
export async function makeRabbit(stage: Stage): Promise<QueueHarness> {
  let current = stage.rabbit;
  return {
    get queue() {
      return current.queue;
    },
    pass: (ms) => setTimeout(ms),
    async restart(how) {
      await current.close();
      if (how === 'crashed') {
        // The broker has an ack on its disk by the time it knows that the consumer is gone.
        await until(async () => (await stage.look(stage.group)).consumers === 0);
        await stage.broker.kill();
        await stage.broker.start();
      }
      current = await stage.open();
    },
    dispose: () => current.close(),
  };
}
