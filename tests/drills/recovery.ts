import type { ToldNotification } from './evidence.js';

/** One server's life and death, and the start of the next. Times in milliseconds since the epoch. */
export interface Cycle {
  readonly kill: string;
  /** False where a failpoint was not passed in time. */
  readonly reached: boolean;
  readonly upMs: number;
  readonly killedAt: number;
  /** When the next server's process was started, and when it said that it is ready. */
  readonly restartedAt: number;
  readonly readyAt: number;
  readonly startMs: number;
  /** Requests that broke without an answer from this server's start to the next one's. */
  readonly broken: number;
}

/** Counted from the start of the new process. */
export interface Recovery {
  /** Until the sink took the first effect. */
  readonly firstDeliveryMs: number | null;
  /** Until the last delivery that was due when the old process died (or fell due before the new one was ready) had come to rest. */
  readonly drainedMs: number | null;
}

/** Computed afterwards, from what the sink and the records say. A next crash in between makes `drainedMs` longer. */
export function recoveries(cycles: readonly Cycle[], effectsAt: readonly number[], told: readonly ToldNotification[]): readonly Recovery[] {
  const deliveries = told.flatMap(({ acceptedAt, scheduledFor, deliveries: own }) => {
    const dueAt = Math.max(Date.parse(acceptedAt), scheduledFor === null ? 0 : Date.parse(scheduledFor));
    return own.map(({ settledAt }) => ({ dueAt, settledAt: settledAt === null ? null : Date.parse(settledAt) }));
  });
  return cycles.map(({ killedAt, restartedAt, readyAt }) => {
    const first = effectsAt.filter((at) => at >= restartedAt).reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY);
    const leftOver = deliveries.filter(({ dueAt, settledAt }) => dueAt <= readyAt && settledAt !== null && settledAt > killedAt);
    const last = leftOver.reduce((most, { settledAt }) => Math.max(most, settledAt ?? 0), 0);
    return {
      firstDeliveryMs: Number.isFinite(first) ? first - restartedAt : null,
      drainedMs: leftOver.length === 0 ? null : last - restartedAt,
    };
  });
}
