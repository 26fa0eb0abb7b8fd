import type { Clock, Timers } from '../../ports/clock.js';
import type { WakeUpQueue } from '../../ports/queue.js';
import { sayWhy, unavailable } from './failure.js';
import { Link, type OnConnection } from './link.js';
import { Publisher } from './publisher.js';
import { RabbitQueue } from './queue.js';
import { topologyOf } from './topology.js';

/** A broker that is still starting is waited for so long, and then connected to when it is there. */
const FIRST_MS = 5000;

export interface RabbitOptions {
  /** `amqp://` or `amqps://`, with credentials. */
  readonly url: string;
  /** Base name of the queues: `<group>` and `<group>.urgent`. */
  readonly group: string;
  /** Of this process, for those who look at the broker's connections. */
  readonly name: string;
  readonly timers: Timers;
  readonly clock: Clock;
  /** One call per connection (there are two) and event. `detail` is for a person and holds no secret. */
  readonly onConnection: OnConnection;
  /** A message in this queue was none of ours and was dropped. */
  readonly onUnreadable?: (queue: string) => void;
}

export interface Rabbit {
  readonly queue: WakeUpQueue;
  /** Resolves when the broker answers and takes messages; rejects within about two seconds, saying why it does not. */
  probe(): Promise<void>;
  /** Stops handing out, sends acks, waits a while for confirms, and lets go. Twice is fine. */
  close(): Promise<void>;
}

/**
 * Connects, and makes the queues. From then on lost connections and channels are made anew; meanwhile `publish` rejects and
 * consumptions wait. Resolves also where there is no broker yet: it is tried on and on.
 * Rejects with `SignalboxError` (`queue-unavailable`) where trying on would not help: it refuses us, or has queues of these
 * names and another kind.
 */
export async function openRabbit(options: RabbitOptions): Promise<Rabbit> {
  const { url, group, name, timers, clock, onConnection } = options;
  const topology = topologyOf(group);
  const publisher = new Publisher(topology, clock, { url, name: `${name} publisher`, timers, onConnection });
  const link = new Link({ url, name: `${name} consumer`, timers, onConnection });
  const queue = new RabbitQueue({ link, publisher, topology, onUnreadable: options.onUnreadable ?? (() => {}) });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await queue.close();
    await publisher.close();
    await link.close();
  };
  const rabbit: Rabbit = {
    queue,
    probe: () => queue.probe(),
    close() {
      closing ??= close();
      return closing;
    },
  };
  try {
    await Promise.all([first(publisher.link, options), first(link, options)]);
  } catch (error) {
    await rabbit.close();
    throw error;
  }
  return rabbit;
}

/** Resolves when it stands, or when it has been waited for long enough. */
function first(link: Link, { timers, group, onConnection }: RabbitOptions): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    let last: unknown = null;
    let decided = false;
    const decide = (outcome: () => void): void => {
      decided = true;
      patience.cancel();
      outcome();
    };
    const patience = timers.after(FIRST_MS, () => {
      if (isAnswer(last)) return decide(() => reject(unavailable(`RabbitMQ refuses the connection: ${sayWhy(last)}`, last)));
      onConnection('disconnected', `${link.name}: not there yet: ${sayWhy(last ?? 'no answer')}`);
      decide(resolve);
    });
    const onFailure = (error: unknown): void => {
      last = error;
      if (decided || !isFinal(error)) return;
      decide(() => reject(unavailable(`RabbitMQ: ${sayWhy(error)}${hint(error, group)}`, error)));
    };
    link.open(() => decide(resolve), onFailure).catch((error: unknown) => decide(() => reject(unavailable(sayWhy(error), error))));
  });
}

/** Nobody mends these by waiting: credentials that are refused, a queue of this name and another kind. */
function isFinal(error: unknown): boolean {
  return /ACCESS.REFUSED/.test(sayWhy(error)) || (error as { code?: unknown } | null)?.code === 406;
}

/** It talked to us and closed: no such virtual host, say. A broker that is starting does so too, for a while. */
function isAnswer(error: unknown): boolean {
  return /ConnectionClose|NOT.ALLOWED/.test(sayWhy(error));
}

function hint(error: unknown, group: string): string {
  if ((error as { code?: unknown }).code !== 406) return '; set RABBITMQ_USERNAME and RABBITMQ_PASSWORD, or RABBITMQ_URL';
  return `; delete the queues "${group}…" that somebody else made, or set another RABBITMQ_CONSUMER_GROUP`;
}
