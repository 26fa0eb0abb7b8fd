import type { Clock, Timers } from '../ports/clock.js';

/** How to ask each server that a process stands on; each rejects when its server does not answer. */
export interface Probes {
  readonly database: () => Promise<unknown>;
  readonly messageQueue: () => Promise<unknown>;
  /** null where there is none. */
  readonly redis: (() => Promise<unknown>) | null;
}

/** Which of them answer; `redis` is null where there is none. */
export interface Answering {
  readonly database: boolean;
  readonly messageQueue: boolean;
  readonly redis: boolean | null;
}

interface Time {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
}

/** What does not answer within so long counts as gone: whoever asks us has no more patience than that. */
const ANSWER_WITHIN_MS = 1_500;
/** How old an answer may be. Many balancers and scrapers then cost no more than one. */
const FRESH_MS = 1_000;

/** Asks the servers, none of them longer than a moment or more often than once a second. Never rejects. */
export interface Look {
  all(): Promise<Answering>;
  database(): Promise<boolean>;
}

export function createLook(probes: Probes, time: Time): Look {
  const database = shared(probes.database, time);
  const messageQueue = shared(probes.messageQueue, time);
  const redis = probes.redis === null ? null : shared(probes.redis, time);
  return {
    database,
    async all() {
      const [store, queue, news] = await Promise.all([database(), messageQueue(), redis === null ? null : redis()]);
      return { database: store, messageQueue: queue, redis: news };
    },
  };
}

/** One question at a time, whose answer serves everybody who asks meanwhile and a little longer. */
function shared(probe: () => Promise<unknown>, { clock, timers }: Time): () => Promise<boolean> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<boolean> = Promise.resolve(false);
  let pending = false;
  return () => {
    if (pending || clock.monotonic() - askedAt < FRESH_MS) return answer;
    askedAt = clock.monotonic();
    pending = true;
    answer = inTime(probe, timers).then((value) => {
      pending = false;
      return value !== null;
    });
    return answer;
  };
}

/** What the call gives (in an array, for it may give nothing), or null when it fails or takes too long. */
export function inTime<T>(call: () => Promise<T>, timers: Timers): Promise<readonly [T] | null> {
  return new Promise((resolve) => {
    const timer = timers.after(ANSWER_WITHIN_MS, () => resolve(null));
    const end = (value: readonly [T] | null): void => {
      timer.cancel();
      resolve(value);
    };
    // A probe that throws at once is one that fails.
    Promise.resolve()
      .then(call)
      .then(
        (value) => end([value]),
        () => end(null),
      );
  });
}
