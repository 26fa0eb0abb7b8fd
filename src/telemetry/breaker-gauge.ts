import type { Registry } from 'prom-client';
import type { Fact } from '../ports/watch.js';
import { gaugeOf } from './gauge.js';

type BreakerFact = Extract<Fact, { readonly kind: 'breaker' }>;

const CODE: Readonly<Record<BreakerFact['state'], number>> = { closed: 0, 'half-open': 1, open: 2 };

/**
 * A breaker that is not closed has one call try again after its time, if anybody wants to call. When it has not been heard of for so
 * long beyond that, nobody does: whether its provider is well is not known, and no alarm is to wait for it. Providers' names come from
 * clients, so many a one is never called again.
 */
export const QUIET_MS = 600_000;

/** @param monotonic milliseconds on a clock that only goes forward */
export function breakerGauge(registry: Registry, monotonic: () => number): (name: string, fact: BreakerFact) => void {
  const known = new Map<string, { readonly code: number; readonly until: number }>();
  gaugeOf(registry, 'circuit_breaker_state', 'State of the circuit breaker: 0 closed, 1 half-open, 2 open.', ['name'], async () => {
    for (const [name, { until }] of known) if (until <= monotonic()) known.delete(name);
    return [...known].map(([name, { code }]) => [{ name }, code] as const);
  });
  return (name, { state, openMs = 0 }) => {
    known.set(name, { code: CODE[state], until: state === 'closed' ? Number.POSITIVE_INFINITY : monotonic() + openMs + QUIET_MS });
  };
}
