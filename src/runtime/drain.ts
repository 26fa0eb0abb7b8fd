import type { Log } from '../telemetry/log.js';

/** Of the drain's time, the share after which what is under way is aborted, so that the rest suffices to write its outcome. */
const PATIENCE = 0.8;

interface Drainable {
  stop(): Promise<void>;
  abandon(): void;
}

/**
 * Ends the process on SIGTERM or SIGINT: drains and exits 0; exits 1 when the drain takes longer than its time, or at
 * once on a second signal. What is cut off keeps its lease until that runs out, and is then taken up by another.
 */
export function exitOnSignals(app: Drainable, drainTimeoutMs: number, log: Log): void {
  let draining = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (draining) {
      log.warn({ signal }, 'second signal: forced exit');
      process.exit(1);
    }
    draining = true;
    const startedAt = performance.now();
    log.info({ signal, drainTimeoutMs }, 'draining');
    setTimeout(() => app.abandon(), drainTimeoutMs * PATIENCE).unref();
    setTimeout(() => {
      log.error({ drainTimeoutMs }, 'drain took too long: forced exit');
      process.exit(1);
    }, drainTimeoutMs).unref();
    app.stop().then(
      () => {
        log.info({ durationMs: Math.round(performance.now() - startedAt) }, 'drained');
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
}
