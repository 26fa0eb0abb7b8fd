import type { Channel, Effect, Outcome } from '../ports/channel.js';
import type { Timers } from '../ports/clock.js';
import type { Watch } from '../ports/watch.js';
import type { BreakerVerdict } from './breaker.js';
import type { Lease } from './lease.js';
import type { PipelineSettings } from './settings.js';

const TIMED_OUT = { code: 'timeout', message: 'the provider did not answer within the time limit' } as const;
const LEASE_GONE = { code: 'lease_lost', message: 'the lease may have run out before the call; nothing was sent' } as const;

interface Deps {
  readonly timers: Timers;
  readonly watch: Watch;
  readonly settings: PipelineSettings;
}

/** The call itself, within its time limit and only while the lease is safe. Never rejects. */
export async function call(deps: Deps, lease: Lease, channel: Channel, effect: Effect): Promise<Outcome> {
  if (!lease.safe()) return { kind: 'retry', failure: LEASE_GONE };
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  let timedOut = false;
  const timer = deps.timers.after(deps.settings.sendTimeoutMs, () => {
    timedOut = true;
    stop();
  });
  lease.signal.addEventListener('abort', stop, { once: true });
  try {
    const outcome = await channel.send(effect, limit.signal);
    // The channel knows only that it was stopped; why is known here.
    return timedOut && 'failure' in outcome ? { ...outcome, failure: TIMED_OUT } : outcome;
  } catch (error) {
    // A channel promises not to reject. One that does has told us nothing about the effect.
    deps.watch({ kind: 'trouble', where: `channel.${channel.name}`, error });
    return { kind: 'unknown', failure: { code: 'channel_error', message: 'the channel failed in an unforeseen way' } };
  } finally {
    timer.cancel();
    lease.signal.removeEventListener('abort', stop);
  }
}

/** A refusal (a bad address, say) and a request to slow down come from a provider that is well. */
export function breakerVerdict(outcome: Outcome): BreakerVerdict {
  if (outcome.kind === 'done' || outcome.kind === 'dead' || outcome.kind === 'defer') return 'success';
  if (outcome.kind === 'unknown') return 'failure';
  return outcome.throttled === true || outcome.failure.code === LEASE_GONE.code ? 'neutral' : 'failure';
}
