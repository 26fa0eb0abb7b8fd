import type { Priority, RecordKey } from './record.js';

/** An id, and what decides whose turn it is: the store is the truth, a lost or doubled wake-up changes nothing. */
export interface WakeUp extends RecordKey {
  readonly workload: string;
  readonly priority: Priority;
  /** Whose work it is; null where it is nobody's in particular. */
  readonly userId: string | null;
}

/** A wake-up in a consumer's hands. Settled exactly once, by `ack` or `release`; a second settle does nothing. */
export interface TakenWakeUp extends WakeUp {
  /** How often it was handed out before. A hint only. */
  readonly redeliveries: number;
  /** The queue may forget it. */
  ack(): Promise<void>;
  /** Hands it back, to be given out again (to anyone) after about `delayMs`; a queue without delays may give it at once or park it. */
  release(delayMs: number): Promise<void>;
}

export interface Consumption {
  /** Stops handing out; resolves when no further wake-up will be handed to this consumer. What it holds may still be settled. */
  stop(): Promise<void>;
}

/**
 * Carries wake-ups from whoever knows that work is due to competing consumers.
 *
 * Promises: each published wake-up is handed to one of the consumers at a time, pushed as soon as it is there
 * (never waiting for a poll), urgent before normal; at least once: what a consumer took and did not settle
 * before it died is handed out again. Order is not promised.
 *
 * A queue that declares itself fair hands out what waits in turns: of one priority, one wake-up for each user (of each
 * tenant) who has something waiting, then round again, however much any one of them has published and however long ago.
 * So with n users in the queue nobody waits for more than n others between two of their own. What is nobody's takes
 * turns as one user of its tenant. A turn is a hand-out: what a consumer holds already is not taken back. So that somebody
 * always has a turn to come, no user has more than three quarters (rounded up) of a consumer's prefetch; nobody's may.
 */
export interface WakeUpQueue {
  /** Resolves when the queue has them safely. Rejects with `SignalboxError` (`queue-unavailable`); some may then have got through. */
  publish(wakeUps: readonly WakeUp[]): Promise<void>;
  /** Hands out up to `prefetch` unsettled wake-ups at a time; `take` gets them in batches and must not throw. */
  consume(prefetch: number, take: (wakeUps: readonly TakenWakeUp[]) => void): Consumption;
  /** Waiting, and taken but not settled. */
  depth(): Promise<{ readonly waiting: number; readonly taken: number }>;
}
