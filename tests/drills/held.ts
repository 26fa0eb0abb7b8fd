import type { ToldDelivery, ToldNotification } from './evidence.js';
import type { Cycle } from './recovery.js';

/** A delivery that waits for a person: nobody can know whether it happened. */
export interface HeldRow {
  readonly deliveryId: string;
  readonly channel: string;
  readonly code: string;
  /** The crash that fell between intent and outcome, counted from 1; null where none did. */
  readonly cycle: number | null;
  /** How long before that crash the intent was written. */
  readonly intentBeforeCrashMs: number | null;
  /** Held because the relay did not answer within the time of a call, not because of a crash. */
  readonly timedOut: boolean;
  /** What nobody could tell the server: whether the sink has it. */
  readonly atSink: boolean;
  /** Why it should not be held, or null. */
  readonly wrong: string | null;
}

interface Evidence {
  readonly told: readonly ToldNotification[];
  /** Delivery ids at `/api/v1/held`. */
  readonly listed: ReadonlySet<string>;
  /** Operation ids that the sink has. */
  readonly effects: ReadonlySet<string>;
  readonly cycles: readonly Cycle[];
  readonly sendTimeoutMs: number;
}

/** An intent is written this much before its call begins, at most; and a process that is killed is late to say so. */
const SLACK_MS = 1000;
/** A call that was given up after less of its time than this was not given up for its time. */
const TIMED_OUT = 0.9;

/**
 * Holds every held delivery against the crashes. Only an e-mail may be held, and only where nobody can know: a crash
 * swallowed its outcome, or the relay had not answered when the time of the call was up. Each must be listed.
 */
export function judgeHeld(evidence: Evidence): readonly HeldRow[] {
  const held = evidence.told.flatMap(({ deliveries }) => deliveries.filter((one) => one.status === 'held'));
  return held.map((delivery) => judge(delivery, evidence)).sort((a, b) => (a.cycle ?? 0) - (b.cycle ?? 0));
}

function judge(delivery: ToldDelivery, { listed, effects, cycles, sendTimeoutMs }: Evidence): HeldRow {
  const last = delivery.attempts.at(-1);
  const intentAt = Date.parse(last?.startedAt ?? '');
  const longest = sendTimeoutMs + SLACK_MS;
  const code = delivery.failure?.code ?? 'none';
  const crash = cycles.findIndex(({ killedAt }) => intentAt <= killedAt && killedAt - intentAt <= longest);
  const found = code === 'outcome_lost' ? cycles[crash] : undefined;
  const timedOut = code !== 'outcome_lost' && last?.result === 'unknown' && (last.durationMs ?? 0) >= TIMED_OUT * sendTimeoutMs;
  const flaw = (): string | null => {
    if (!listed.has(delivery.deliveryId)) return 'not listed at /api/v1/held';
    if (delivery.channel !== 'email') return `a ${delivery.channel} is never held: its receiver absorbs a repeat`;
    if (timedOut || found !== undefined) return null;
    return code === 'outcome_lost' ? 'no crash fell between its intent and its outcome' : `held for ${code}`;
  };
  return {
    deliveryId: delivery.deliveryId,
    channel: delivery.channel,
    code,
    cycle: found === undefined ? null : crash + 1,
    intentBeforeCrashMs: found === undefined ? null : found.killedAt - intentAt,
    timedOut,
    atSink: effects.has(delivery.operationId),
    wrong: flaw(),
  };
}
