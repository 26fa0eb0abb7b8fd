import type { Effect, EffectClass } from '../../src/ports/channel.js';
import type { LedgerEntry, WorkRecord } from '../../src/ports/record.js';
import type { Finding } from './finding.js';
import { judgeChoices } from './referee-people.js';
import type { SimPeople } from './sim-people.js';
import type { Row } from './sim-store.js';
import { expiryOf, scheduleOf } from './sim-workload.js';

interface SendCase {
  readonly effect: Effect;
  readonly effectClass: EffectClass;
  readonly row: Row | undefined;
  readonly worker: string;
  readonly now: number;
  readonly leaseMs: number;
  readonly people: SimPeople;
  /** The store's clock when the sender claimed. */
  readonly claimedAt: number;
}

/**
 * What must be true at the moment in which a call to a provider begins. The lease must be live then: the holder looked
 * at its own clocks in the same turn. What *lands* later may land under another's lease (the process was stopped, the
 * network was slow); only the operation id and the ledger help against that, and the ledger checker judges it.
 */
export function judgeSend(on: SendCase): readonly Finding[] {
  const { effect, row, worker, now } = on;
  const delivery = row?.record.deliveries.find((one) => one.operationId === effect.operationId);
  if (row === undefined || delivery === undefined) return [['EFFECT_WITHOUT_INTENT', 'no delivery has this operation id']];
  const findings: Finding[] = [];
  const { record } = row;
  const own = row.ledger.filter((entry) => entry.operationId === effect.operationId);
  const intent = own.some((entry) => entry.kind === 'intent' && entry.attempt === effect.attempt);
  if (!intent || delivery.intentAt === null || delivery.attempts !== effect.attempt) {
    findings.push(['EFFECT_WITHOUT_INTENT', `attempt ${effect.attempt} is sent without its intent stored`]);
  }
  if (record.lockedBy !== worker || record.lockedUntil === null || record.lockedUntil <= now) {
    findings.push(['EFFECT_WITHOUT_LEASE', `held by ${record.lockedBy}, for ${(record.lockedUntil ?? now) - now} ms more`]);
  }
  if (on.effectClass !== 'idempotent' && isInDoubt(own, effect.attempt)) {
    findings.push([
      'RESENT_IN_DOUBT',
      `a provider of class ${on.effectClass} gets attempt ${effect.attempt} while an earlier one is unknown`,
    ]);
  }
  // Between the intent and the call lies a write: a store that is slow to answer may cost as much as what has run out may be late.
  const { people, claimedAt, leaseMs } = on;
  const choices = judgeChoices({ people, record, channel: delivery.channel, claimedAt, now, at: now, marginMs: -2 * leaseMs });
  return [...findings, ...judgeTime(on, record), ...choices];
}

function judgeTime({ now, leaseMs }: SendCase, record: WorkRecord): readonly Finding[] {
  const findings: Finding[] = [];
  const expiresAt = expiryOf(record);
  if (expiresAt !== null && now > expiresAt + 2 * leaseMs) findings.push(['SENT_EXPIRED', `${now - expiresAt} ms after it expired`]);
  const scheduledFor = scheduleOf(record);
  if (scheduledFor !== null && now < scheduledFor) findings.push(['SENT_EARLY', `${scheduledFor - now} ms before its time`]);
  return findings;
}

/** The last word on the attempts before this one is `unknown`, or there is none. */
function isInDoubt(ledger: readonly LedgerEntry[], attempt: number): boolean {
  const earlier = ledger.filter((entry) => entry.attempt < attempt);
  const last = earlier[earlier.length - 1];
  return last !== undefined && (last.kind === 'intent' || last.result === 'unknown');
}
