import type { Log } from '../telemetry/log.js';

/** A terminal's Ctrl-C reaches us twice when npm hands it on as well: so soon after the first it is no second wish. */
const SAME_WISH_MS = 500;

/** Of the drain's time, the share after which what is under way is aborted, so that the rest suffices to write its outcome. */
const PATIENCE = 0.8;

interface Drainable {
  stop(): Promise<void>;
  abandon(): void;
}

/**
 * Ends the process on SIGTERM or SIGINT, and when a supervisor that started it with a channel has gone: drains and
 * exits 0; exits 1 when the drain takes longer than its time, or at once on a second signal. What is cut off keeps its
 * lease until that runs out, and is then taken up by another.
 */
export function exitOnSignals(app: Drainable, drainTimeoutMs: number, log: Log): void {
  let startedAt: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (startedAt !== null) {
      if (signal === 'SIGINT' && performance.now() - startedAt < SAME_WISH_MS) return;
      log.warn({ signal }, 'second signal: forced exit');
      process.exit(1);
    }
    drain({ signal });
  };
  const drain = (why: object): void => {
    const begun = performance.now();
    startedAt = begun;
    log.info({ ...why, drainTimeoutMs }, 'draining');
    setTimeout(() => app.abandon(), drainTimeoutMs * PATIENCE).unref();
    setTimeout(() => {
      log.error({ drainTimeoutMs }, 'drain took too long: forced exit');
      process.exit(1);
    }, drainTimeoutMs).unref();
    app.stop().then(
      () => {
        log.info({ durationMs: Math.round(performance.now() - begun) }, 'drained');
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ err: error }, 'drain failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Else we would go on with nobody to watch us, and hold a port that the next supervisor needs.
  if (process.connected) process.once('disconnect', () => startedAt === null && drain({ why: 'supervisor gone' }));
}
