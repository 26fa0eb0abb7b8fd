import type { ToldDelivery } from '../evidence.js';
import type { Findings } from './evidence.js';
import type { Stage } from './stage.js';

/** A fault is noted a little later than it strikes. */
const SLACK_MS = 2_000;
/** A call that was given up after less of its time than this was not given up for its time. */
const TIMED_OUT = 0.9;

/**
 * Held deliveries that should not be: only an e-mail may be held, and only where nobody can know. Its intent must then lie
 * in a fault, or so shortly before that the call and the lease reached into it; or the relay did not answer in time.
 */
export function wronglyHeld(stage: Stage, { told }: Findings): { readonly held: number; readonly wrong: readonly string[] } {
  const held = told.flatMap(({ deliveries }) => deliveries.filter((delivery) => delivery.status === 'held'));
  const wrong = held.flatMap((delivery) => {
    const flaw = flawOf(stage, delivery);
    return flaw === null ? [] : [`${delivery.deliveryId} is held: ${flaw}`];
  });
  return { held: held.length, wrong };
}

function flawOf(stage: Stage, { channel, attempts, failure }: ToldDelivery): string | null {
  const last = attempts.at(-1);
  const intentAt = Date.parse(last?.startedAt ?? '');
  const code = failure?.code ?? 'none';
  if (channel !== 'email') return `a ${channel} is never held: its receiver absorbs a repeat`;
  if (code !== 'outcome_lost') {
    const timedOut = last?.result === 'unknown' && (last.durationMs ?? 0) >= TIMED_OUT * stage.sendTimeoutMs;
    const struck = inAFault(stage, intentAt);
    return timedOut || struck ? null : `${code}, and no fault came near it`;
  }
  return inAFault(stage, intentAt) ? null : 'no fault fell between its intent and its outcome';
}

function inAFault(stage: Stage, intentAt: number): boolean {
  return stage.faults.some(({ from, to }) => intentAt >= from - stage.leaseMs && intentAt <= to + SLACK_MS);
}
