import { SignalboxError } from '../errors.js';
import type { Channel } from '../ports/channel.js';
import type { Outbox } from '../ports/outbox.js';
import type { TakenWakeUp, WakeUpQueue } from '../ports/queue.js';
import type { Change, RecordStore } from '../ports/store.js';
import { POISON, poisoned } from './poison.js';

/**
 * The moments at which a drill can have the process killed, in the order in which an item passes them. Each lies
 * between two steps that a crash may part:
 * - `before-accept`: nothing is stored yet, the client waits.
 * - `after-accept`: durable, and the client has no answer.
 * - `before-publish`: stored, and nobody is woken.
 * - `after-publish`: the queue has the wake-up, and the outbox does not know.
 * - `after-claim`: leased, and nothing done.
 * - `after-intent`: the intent is stored, and nothing sent.
 * - `after-send`: the effect happened, and nobody has written it down.
 * - `before-outcome`: as `after-send`, after the outcome has been judged.
 * - `after-outcome`: written down, and the worker does not know.
 * - `before-ack`: all is written, and the queue still holds the wake-up.
 * - `after-ack`: over.
 */
export const FAILPOINTS = [
  'before-accept',
  'after-accept',
  'before-publish',
  'after-publish',
  'after-claim',
  'after-intent',
  'after-send',
  'before-outcome',
  'after-outcome',
  'before-ack',
  'after-ack',
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

/** What can be armed: the ports of a composition, or its channels. */
interface Ports {
  readonly store: RecordStore;
  readonly outbox: Outbox;
  readonly queue: WakeUpQueue;
}

interface ClosableChannel extends Channel {
  close(): void | Promise<void>;
}

/** Called at each moment that is passed; does not return when it is the fatal one. */
export type Hit = (name: FailpointName) => void;

/** SIGKILL to ourselves: no handler runs, nothing is flushed, just as when the kernel or an operator does it. */
function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** SIGSTOP to ourselves: nothing happens any more until somebody sends SIGCONT, and then the next step is taken as if no time had passed. */
function stopSelf(): void {
  process.kill(process.pid, 'SIGSTOP');
}

/**
 * Reads `name` or `name:n` and gives what ends the process at the n-th pass of that moment, or with `name:n:stop` what stops it there;
 * null where nothing is to be armed. @throws SignalboxError for a name that is none
 */
export function fuse(spec: string | null, kill: () => void = killSelf, stop: () => void = stopSelf): Hit | null {
  if (spec === null || spec === POISON) return null;
  const [text, times = '1', how] = spec.split(':');
  const fatal = FAILPOINTS.find((name) => name === text);
  if (fatal === undefined)
    throw new SignalboxError('invalid-request', `FAILPOINT: ${text} is none of ${[...FAILPOINTS, POISON].join(', ')}`);
  let left = Number(times);
  return (name) => {
    if (name !== fatal) return;
    left -= 1;
    if (left === 0) (how === 'stop' ? stop : kill)();
  };
}

/** The same ports; with a failpoint they pass its moment on their way. The code that uses them knows nothing of it. */
export function armPorts<P extends Ports>(spec: string | null, ports: P): P {
  const hit = fuse(spec);
  return hit === null ? ports : { ...ports, ...armedPorts(ports, hit) };
}

/** The same channels, as {@link armPorts}; with `poison` they do harm where a recipient asks for it. */
export function armChannels(spec: string | null, channels: readonly ClosableChannel[]): readonly ClosableChannel[] {
  if (spec === POISON) return channels.map((channel) => poisoned(channel));
  const hit = fuse(spec);
  return hit === null ? channels : channels.map((channel) => armedChannel(channel, hit));
}

export function armedPorts({ store, outbox, queue }: Ports, hit: Hit): Ports {
  return { store: armedStore(store, hit), outbox, queue: armedQueue(queue, hit) };
}

function armedStore(store: RecordStore, hit: Hit): RecordStore {
  return {
    async accept(drafts) {
      hit('before-accept');
      const results = await store.accept(drafts);
      for (const { outcome } of results) if (outcome === 'created') hit('after-accept');
      return results;
    },
    async claim(request) {
      const result = await store.claim(request);
      for (const _record of result.claimed) hit('after-claim');
      return result;
    },
    renew: (leases, leaseMs) => store.renew(leases, leaseMs),
    async commit(lease, change) {
      if (carries(change, 'outcome')) hit('before-outcome');
      const result = await store.commit(lease, change);
      if (!result.applied) return result;
      if (carries(change, 'intent')) hit('after-intent');
      if (carries(change, 'outcome')) hit('after-outcome');
      return result;
    },
    amend: (key, amendment) => store.amend(key, amendment),
    requestCancel: (key, event) => store.requestCancel(key, event),
  };
}

function carries(change: Change, kind: 'intent' | 'outcome'): boolean {
  return change.ledger.some((entry) => entry.kind === kind);
}

function armedQueue(queue: WakeUpQueue, hit: Hit): WakeUpQueue {
  return {
    async publish(wakeUps) {
      hit('before-publish');
      await queue.publish(wakeUps);
      hit('after-publish');
    },
    consume: (prefetch, take) => queue.consume(prefetch, (wakeUps) => take(wakeUps.map((wakeUp) => armedWakeUp(wakeUp, hit)))),
    depth: () => queue.depth(),
  };
}

function armedWakeUp(wakeUp: TakenWakeUp, hit: Hit): TakenWakeUp {
  const { tenant, id, workload, priority, userId, redeliveries } = wakeUp;
  return {
    tenant,
    id,
    workload,
    priority,
    userId,
    redeliveries,
    async ack() {
      hit('before-ack');
      await wakeUp.ack();
      hit('after-ack');
    },
    release: (delayMs) => wakeUp.release(delayMs),
  };
}

function armedChannel(channel: ClosableChannel, hit: Hit): ClosableChannel {
  const { query } = channel;
  return {
    name: channel.name,
    effectClass: channel.effectClass,
    ...(channel.concurrency === undefined ? {} : { concurrency: channel.concurrency }),
    ...(channel.ratePerSecond === undefined ? {} : { ratePerSecond: channel.ratePerSecond }),
    provider: (recipient) => channel.provider(recipient),
    async send(effect, signal) {
      const outcome = await channel.send(effect, signal);
      if (outcome.kind === 'done') hit('after-send');
      return outcome;
    },
    ...(query === undefined ? {} : { query: query.bind(channel) }),
    close: () => channel.close(),
  };
}
