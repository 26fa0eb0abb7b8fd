import { openRedisStreams, type RedisStreams, type RedisStreamsOptions } from '../../src/adapters/redis-streams/redis-streams.js';
import { createSystemChance } from '../../src/adapters/system/system-chance.js';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { createStreamConsumer, type StreamConsumer } from '../../src/pipeline/stream-consume.js';
import type { StreamHandler } from '../../src/pipeline/stream-handler.js';
import type { StreamSettings } from '../../src/pipeline/stream-settings.js';
import type { StreamEntry } from '../../src/ports/stream.js';
import type { Fact } from '../../src/ports/watch.js';
import { streamOptions } from './redis-streams-harness.js';

const clock = createSystemClock();
const timers = createSystemTimers();
const chance = createSystemChance();

const SETTINGS: StreamSettings = {
  leaseMs: 900,
  beatMs: 50,
  batchSize: 10,
  pollMs: 5000,
  maxRetries: 2,
  maxDeliveries: 5,
  backoffMs: 20,
  backoffMaxMs: 100,
  afterDeath: 'continue',
  keep: 100,
  partitions: 16,
};

/** One process's part: a connection of its own, and a consumer. */
export interface Member {
  readonly streams: RedisStreams;
  readonly consumer: StreamConsumer;
  /** Partitions that it owns, as it believes. */
  readonly owns: Set<number>;
  readonly facts: Fact[];
  /** Resolves when it has heard once more how things are, from the beginning. */
  heard(): Promise<void>;
  /** In order; nobody else sees that it is gone. */
  stop(): Promise<void>;
  /** It is gone without a word. */
  die(): Promise<void>;
}

/** Processes that consume one stream, and what they handled. */
export class Fleet {
  readonly handled: StreamEntry[] = [];
  readonly members: Member[] = [];
  readonly #options: RedisStreamsOptions;
  readonly #waiting = new Set<() => void>();
  /** How each entry is handled. */
  handle: StreamHandler = async (entries) => entries.map(() => ({ kind: 'done' }));

  constructor(url: string, more: Partial<RedisStreamsOptions> = {}) {
    this.#options = streamOptions(url, more);
  }

  async join(worker: string, settings: Partial<StreamSettings> = {}): Promise<Member> {
    const streams = await openRedisStreams({ ...this.#options, name: worker });
    const owns = new Set<number>();
    const facts: Fact[] = [];
    const watch = (fact: Fact): void => {
      facts.push(fact);
      if (fact.kind === 'partition' && fact.state === 'started') owns.add(fact.partition);
      else if (fact.kind === 'partition') owns.delete(fact.partition);
      this.#look();
    };
    const handle: StreamHandler = async (entries, signal) => {
      const outcomes = await this.handle(entries, signal);
      signal.throwIfAborted();
      for (const [n, entry] of entries.entries()) if (outcomes[n]?.kind === 'done') this.handled.push(entry);
      this.#look();
      return outcomes;
    };
    let beats = 0;
    const { leases } = streams;
    const ask = leases.beat.bind(leases);
    leases.beat = async (owner, livesMs) => {
      const told = await ask(owner, livesMs);
      beats += 1;
      this.#look();
      return told;
    };
    const consumer = createStreamConsumer({
      ...streams,
      clock,
      timers,
      chance,
      watch,
      worker,
      settings: { ...SETTINGS, ...settings },
      handle,
    });
    const leave = (how: () => Promise<unknown>) => async (): Promise<void> => {
      const at = this.members.indexOf(member);
      if (at < 0) return;
      this.members.splice(at, 1);
      await how();
    };
    const member: Member = {
      streams,
      consumer,
      owns,
      facts,
      heard: () => {
        // The one under way may have been told before.
        const enough = beats + 3;
        return this.until(() => beats >= enough);
      },
      stop: leave(() => consumer.stop().then(() => streams.close())),
      die: leave(async () => {
        await streams.close();
        consumer.abandon();
        owns.clear();
        // Whatever it still tries, nothing of it gets through.
        void consumer.stop();
      }),
    };
    this.members.push(member);
    consumer.start();
    return member;
  }

  /** Resolves as soon as it is so, looked at after everything that happens. */
  until(so: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!so()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Each owns its share of so many, and nobody what another does. */
  balanced(many = 16): boolean {
    const owned = this.members.flatMap(({ owns }) => [...owns]);
    const shares = this.members.map(({ owns }) => owns.size);
    return owned.length === many && new Set(owned).size === many && Math.max(...shares) - Math.min(...shares) <= 1;
  }

  async end(): Promise<void> {
    await Promise.all([...this.members].map((member) => member.stop()));
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** By key, the ids in the order in which they were first handled. */
export function firstHandled(entries: readonly StreamEntry[]): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const { id, key } of entries) {
    if (seen.has(id)) continue;
    seen.add(id);
    byKey.set(key, [...(byKey.get(key) ?? []), id]);
  }
  return byKey;
}
