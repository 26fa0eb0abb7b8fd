import type { Channel, Effect, Outcome } from '../ports/channel.js';
import type { Timer, Timers } from '../ports/clock.js';
import type { Watch } from '../ports/watch.js';
import type { BreakerVerdict } from './breaker.js';
import type { Lease } from './lease.js';
import type { PipelineSettings } from './settings.js';

const TIMED_OUT = { code: 'timeout', message: 'the provider did not answer within the time limit' } as const;
const STUCK = { code: 'channel_stuck', message: 'the channel neither answered nor stopped when it was told to' } as const;
const LEASE_GONE = { code: 'lease_lost', message: 'the lease may have run out before the call; nothing was sent' } as const;

/** A channel that has been told to stop has so long to say what became of the call; then it is left to itself. */
const HEED_MS = 1000;

interface Deps {
  readonly timers: Timers;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
}

/**
 * The call itself, within its time limit and only while the lease is safe. Never rejects, and comes back whatever the channel
 * does: a call that hangs for ever would take one of the worker's hands for ever, and the end of its drain.
 */
export async function call(deps: Deps, lease: Lease, channel: Channel, effect: Effect): Promise<Outcome> {
  if (!lease.safe()) return { kind: 'retry', failure: LEASE_GONE };
  const limit = new AbortController();
  let heed: Timer | undefined;
  let leave: (outcome: Outcome) => void = () => {};
  const left = new Promise<Outcome>((resolve) => {
    leave = resolve;
  });
  const stop = (): void => {
    limit.abort();
    heed ??= deps.timers.after(HEED_MS, () => leave({ kind: 'unknown', failure: STUCK }));
  };
  let timedOut = false;
  const timer = deps.timers.after(deps.settings.sendTimeoutMs, () => {
    timedOut = true;
    stop();
  });
  lease.signal.addEventListener('abort', stop, { once: true });
  try {
    const outcome = await Promise.race([channel.send(effect, limit.signal), left]);
    // The channel knows only that it was stopped; why is known here.
    return timedOut && 'failure' in outcome && outcome.failure !== STUCK ? { ...outcome, failure: TIMED_OUT } : outcome;
  } catch (error) {
    // A channel promises not to reject. One that does has told us nothing about the effect.
    deps.watch({ kind: 'trouble', where: `channel.${channel.name}`, error });
    return { kind: 'unknown', failure: { code: 'channel_error', message: 'the channel failed in an unforeseen way' } };
  } finally {
    timer.cancel();
    heed?.cancel();
    lease.signal.removeEventListener('abort', stop);
  }
}

/** A refusal (a bad address, say) and a request to slow down come from a provider that is well. */
export function breakerVerdict(outcome: Outcome): BreakerVerdict {
  if (outcome.kind === 'done' || outcome.kind === 'dead' || outcome.kind === 'defer') return 'success';
  if (outcome.kind === 'unknown') return 'failure';
  return outcome.throttled === true || outcome.failure.code === LEASE_GONE.code ? 'neutral' : 'failure';
}
