import type { Delivery, LedgerEntry, WorkRecord } from '../../src/ports/record.js';
import type { Finding } from './finding.js';

/** What a provider said that makes certain that there was no effect. */
const REFUSED: ReadonlySet<string | undefined> = new Set(['retry', 'throttled', 'deferred', 'dead']);
const REST: ReadonlySet<string> = new Set(['delivered', 'skipped', 'expired', 'cancelled']);

/** A change by someone who holds no lease: a person, or whoever applies what people have changed. */
export function judgeAmend(before: WorkRecord, after: WorkRecord, ledger: readonly LedgerEntry[]): readonly Finding[] {
  const findings: Finding[] = [];
  if (after.deliveries.some(isOpen) && after.dueAt === null) findings.push(['DUE_LOST', 'open deliveries, but not due']);
  for (const is of after.deliveries) {
    const was = before.deliveries.find((delivery) => delivery.id === is.id);
    if (was === undefined) findings.push(['UNKNOWN_DELIVERY', is.id]);
    else if (was !== is) findings.push(...judgeDelivery(was, is, ledger));
  }
  return findings;
}

function judgeDelivery(was: Delivery, is: Delivery, ledger: readonly LedgerEntry[]): readonly Finding[] {
  const findings: Finding[] = [];
  if (REST.has(was.status) && was.status !== is.status) findings.push(['REST_DISTURBED', `${was.status} becomes ${is.status}`]);
  if (is.generation === was.generation) {
    if (is.operationId !== was.operationId) findings.push(['RENAMED', 'the operation id has changed within a generation']);
    if (is.attempts < was.attempts) findings.push(['ATTEMPTS_FORGOTTEN', `attempts fall from ${was.attempts} to ${is.attempts}`]);
  } else findings.push(...judgeGeneration(was, is, ledger));
  if (was.status === 'dead' && isOpen(is)) {
    const used = is.attempts - is.throttles - (is.forgiven ?? 0);
    if (used > 0) findings.push(['NO_RETRIES_LEFT', `comes back from the desk with ${used} failures`]);
    if ((is.redrives ?? 0) !== (was.redrives ?? 0) + 1) findings.push(['LINEAGE_LOST', `redrives go to ${is.redrives}`]);
  }
  return findings;
}

function judgeGeneration(was: Delivery, is: Delivery, ledger: readonly LedgerEntry[]): readonly Finding[] {
  if (is.generation !== was.generation + 1 || was.status !== 'dead') {
    return [['GENERATION', `${was.status}, generation ${was.generation} becomes ${is.generation}`]];
  }
  if (is.operationId === was.operationId) return [['NOT_RENAMED', 'a new generation under the old operation id']];
  const own = ledger.filter((entry) => entry.operationId === was.operationId);
  const outcomes = own.filter((entry) => entry.kind === 'outcome');
  const open = own.some((entry) => entry.kind === 'intent' && !outcomes.some((outcome) => outcome.attempt === entry.attempt));
  if (!open && outcomes.every((entry) => REFUSED.has(entry.result))) return [];
  return [['GENERATION_IN_DOUBT', 'the generation rises although an earlier attempt may have had its effect']];
}

function isOpen({ status }: Delivery): boolean {
  return status === 'queued' || status === 'scheduled' || status === 'deferred' || status === 'processing';
}
