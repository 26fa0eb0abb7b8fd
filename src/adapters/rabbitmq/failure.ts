import { SignalboxError } from '../../errors.js';
import type { Timers } from '../../ports/clock.js';

/** For a person, on one line: a refused connection's own message is empty. No address of ours holds a password. */
export function sayWhy(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return (error.message || code || error.name).replace(/\s+/g, ' ');
}

export function unavailable(detail: string, cause?: unknown): SignalboxError {
  return new SignalboxError('queue-unavailable', detail, cause === undefined ? {} : { cause });
}

/** What the work resolves with, or a rejection after so many milliseconds: a broker that stands still answers nothing. */
export function within<T>(timers: Timers, ms: number, what: string, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = timers.after(ms, () => reject(unavailable(`RabbitMQ: ${what}: no answer within ${ms} ms`)));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
