import { CliError } from './cli-error.js';
import { remark } from './command.js';

/** A server that is started anew is waited for so long. */
const PATIENCE_MS = 30_000;
const ASK_EVERY_MS = 1000;

/** Runs work that ends early, and cleanly, when Ctrl-C is pressed: the signal is then aborted. A second Ctrl-C ends the program. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** Waits so long, or until the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over, { once: true });
  });
}

/** What a look gives, or null once the signal is aborted; a server that is away is waited for a while. */
export async function patiently<T>(look: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await look();
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof CliError) || !error.passing || performance.now() > giveUpAt) throw error;
      if (tries === 1) remark(`${error.message}; trying again`);
      await pause(ASK_EVERY_MS, signal);
    }
  }
}
