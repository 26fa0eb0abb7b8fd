import type { Answer, Balance, Evidence, Kept, KeptDelivery, KeptEntry, Report, Seen, Violation, ViolationKind } from './entry.js';

const OPEN: ReadonlySet<string> = new Set(['queued', 'scheduled', 'deferred', 'processing']);
const NEGATIVE: ReadonlySet<string> = new Set(['dead', 'cancelled', 'expired', 'skipped']);
const KNOWN: ReadonlySet<string> = new Set([...OPEN, ...NEGATIVE, 'delivered', 'held']);

/** All that receivers saw of one operation. */
interface Effects {
  /** Everything but what the receiver itself absorbed. */
  readonly counted: readonly Seen[];
  readonly absorbed: number;
  /** How often the receiver said that the operation was not done, before anything landed. */
  readonly denials: number;
}

const NO_EFFECTS: Effects = { counted: [], absorbed: 0, denials: 0 };

/**
 * Holds the three witnesses against each other. Pure; the evidence is taken at rest, after faults have stopped and
 * everything had time to settle.
 *
 * What is promised, and so what is a violation, of a state that rests:
 * - `delivered`: the provider said so, hence its log shows an effect. Without one it is DISHONEST, unless the ledger
 *   says openly that nobody knows (`unknown`: a policy assumed it) or that a person decided.
 * - `dead`, `cancelled`, `expired`, `skipped`: no effect, where every attempt in the ledger has a known negative outcome
 *   (or there was none). An effect is then DISHONEST. With an `unknown` attempt in the ledger nothing was promised:
 *   counted as `uncertain`.
 * - A delivery that was redriven has earlier operation ids in its ledger. Each was left behind because all its attempts are
 *   known to have had no effect: an unknown one there, or an effect, is DISHONEST.
 * - `held`: nobody knows, so its ledger must show why (else UNLISTED); an effect or none are both fine.
 * - A queryable receiver that says `not-done` while a request is still on its way answers truly and too early. What
 *   lands afterwards is counted as `overtaken` and is the sender's fault neither as a DUP nor as DISHONEST.
 */
export function check(evidence: Evidence): Report {
  const violations: Violation[] = [];
  const report = (kind: ViolationKind, subject: string, detail: string): void => {
    violations.push({ kind, subject, detail });
  };
  const kept = new Map(evidence.kept.map((record) => [keyOf(record.tenant, record.id), record]));
  const effects = effectsByOperation(evidence.seen);
  const answered = checkAnswers(evidence.answers, kept, report);
  checkGhosts(evidence, report);
  checkTargets(evidence, report);
  const counts: Record<string, number> = {};
  const tally = { absorbed: 0, overtaken: 0, uncertain: 0, resentByPerson: 0, effects: 0, accepted: 0 };
  for (const record of evidence.kept) {
    checkEarlier(record, effects, report);
    for (const delivery of record.deliveries) {
      const ledger = record.ledger.filter((entry) => entry.operationId === delivery.operationId);
      const own = effects.get(delivery.operationId) ?? NO_EFFECTS;
      counts[delivery.status] = (counts[delivery.status] ?? 0) + 1;
      tally.accepted += 1;
      tally.effects += Math.min(1, own.counted.length);
      tally.absorbed += own.absorbed;
      tally.overtaken += Math.min(own.denials, Math.max(0, own.counted.length - 1));
      tally.resentByPerson += personsResends(ledger);
      if (NEGATIVE.has(delivery.status) && own.counted.length > 0 && isUncertain(ledger)) tally.uncertain += 1;
      checkDelivery(record, delivery, ledger, own, report);
    }
  }
  const balance = balanceOf(evidence, answered, counts, tally);
  const rest = balance.delivered + balance.skipped + balance.expired + balance.cancelled + balance.dead + balance.held + balance.open;
  if (rest !== balance.accepted) report('BALANCE', 'all', `${balance.accepted} deliveries accepted, ${rest} accounted for`);
  return { violations, balance };
}

type ReportTo = (kind: ViolationKind, subject: string, detail: string) => void;

function keyOf(tenant: string, id: string): string {
  return `${tenant}/${id}`;
}

function isPositive(answer: Answer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

/** Every 2xx stands for a stored record with all its deliveries, and one key for one record. Gives the records that were answered. */
function checkAnswers(answers: readonly Answer[], kept: ReadonlyMap<string, Kept>, report: ReportTo): ReadonlySet<string> {
  const answered = new Set<string>();
  const idOfKey = new Map<string, string>();
  for (const answer of answers) {
    if (!isPositive(answer)) continue;
    if (answer.recordId === null) {
      report('DISHONEST', answer.key ?? 'no key', `answered ${answer.status} without an id`);
      continue;
    }
    const key = keyOf(answer.tenant, answer.recordId);
    if (answer.key !== null) {
      const scope = keyOf(answer.tenant, answer.key);
      const first = idOfKey.get(scope) ?? answer.recordId;
      idOfKey.set(scope, first);
      if (first !== answer.recordId) report('DISHONEST', answer.key, `one key, two records: ${first} and ${answer.recordId}`);
    }
    answered.add(key);
    const record = kept.get(key);
    if (record === undefined) report('LOST', key, `answered ${answer.status} at ${answer.at}, not in the store`);
    else checkExpected(answer, record, report);
  }
  return answered;
}

function checkExpected(answer: Answer, record: Kept, report: ReportTo): void {
  for (const expected of answer.expected) {
    const found = record.deliveries.filter((one) => one.channel === expected.channel && one.recipient === expected.recipient);
    if (found.length !== 1) {
      report('LOST', keyOf(record.tenant, record.id), `${found.length} deliveries by ${expected.channel} to one expected recipient`);
    }
    const renamed = expected.operationId !== undefined && found[0] !== undefined && found[0].operationId !== expected.operationId;
    if (renamed && found[0]?.generation === 1) {
      report('DISHONEST', keyOf(record.tenant, record.id), 'the operation id has changed since the answer');
    }
  }
}

/** Every effect stands for a stored intent; a redriven delivery has those of its earlier generations in the ledger too. */
function checkGhosts({ kept, seen }: Evidence, report: ReportTo): void {
  const entries = kept.flatMap((record) => record.ledger);
  const intents = new Set(entries.filter((entry) => entry.kind === 'intent').map((entry) => entry.operationId));
  const operations = new Set(kept.flatMap((record) => record.deliveries.map((delivery) => delivery.operationId)));
  for (const { kind, operationId } of seen) {
    if (kind !== 'effect' || intents.has(operationId)) continue;
    report('GHOST', operationId, operations.has(operationId) ? 'an effect without an intent' : 'an effect without a delivery');
  }
}

/** One target has as many operation ids as generations: a second one is a second effect that no receiver can absorb. */
function checkTargets({ kept, seen }: Evidence, report: ReportTo): void {
  const generations = new Map(
    kept.flatMap((record) => record.deliveries.map((one) => [targetOf(record.id, one.channel, one.recipient), one.generation])),
  );
  const ids = new Map<string, Set<string>>();
  for (const { kind, operationId, recordId, channel, recipient } of seen) {
    if (kind !== 'effect' || recordId === undefined || channel === undefined || recipient === undefined) continue;
    const target = targetOf(recordId, channel, recipient);
    ids.set(target, (ids.get(target) ?? new Set()).add(operationId));
  }
  for (const [target, known] of ids) {
    if (known.size > (generations.get(target) ?? 1)) report('DUP', target, `${known.size} operation ids for one effect`);
  }
}

/** What was redriven under a new operation id: it must have been certain that nothing came of the old one. */
function checkEarlier(record: Kept, effects: ReadonlyMap<string, Effects>, report: ReportTo): void {
  if (record.deliveries.every((delivery) => delivery.generation === 1)) return;
  const present = new Set(record.deliveries.map((delivery) => delivery.operationId));
  const earlier = new Set(record.ledger.map((entry) => entry.operationId).filter((operationId) => !present.has(operationId)));
  for (const operationId of earlier) {
    const subject = `${keyOf(record.tenant, record.id)} ${operationId.slice(0, 8)}`;
    const ledger = record.ledger.filter((entry) => entry.operationId === operationId);
    const own = effects.get(operationId) ?? NO_EFFECTS;
    if (isUncertain(ledger)) report('DISHONEST', subject, 'a new generation, although an outcome of the one before is unknown');
    else if (own.counted.length > 0 && own.denials === 0)
      report('DISHONEST', subject, 'a new generation after an effect of the one before');
  }
}

function targetOf(recordId: string, channel: string, recipient: string): string {
  return `${recordId}/${channel}/${recipient}`;
}

function effectsByOperation(seen: readonly Seen[]): ReadonlyMap<string, Effects> {
  const lines = new Map<string, Seen[]>();
  for (const line of seen) {
    const own = lines.get(line.operationId);
    if (own === undefined) lines.set(line.operationId, [line]);
    else own.push(line);
  }
  return new Map([...lines].map(([operationId, own]) => [operationId, effectsOf(own)]));
}

/** The lines of one operation, in the order in which its receiver wrote them. */
function effectsOf(lines: readonly Seen[]): Effects {
  const counted: Seen[] = [];
  let absorbed = 0;
  let denials = 0;
  for (const line of lines) {
    // Only what was on its way while the receiver still said `not-done` is excused: one effect for each such answer.
    if (line.kind === 'not-done') denials += counted.length === 0 ? 1 : 0;
    else if (line.absorbed ?? (line.effectClass === 'idempotent' && counted.length > 0)) absorbed += 1;
    else counted.push(line);
  }
  return { counted, absorbed, denials };
}

function checkDelivery(record: Kept, delivery: KeptDelivery, ledger: readonly KeptEntry[], own: Effects, report: ReportTo): void {
  const subject = `${keyOf(record.tenant, record.id)} ${delivery.channel} ${delivery.operationId.slice(0, 8)}`;
  const { status } = delivery;
  if (!KNOWN.has(status)) report('LOST', subject, `in no known state: ${status}`);
  if (OPEN.has(status)) report('STUCK', subject, `still ${status} at rest`);
  const allowed = 1 + personsResends(ledger) + own.denials;
  if (own.counted.length > allowed) {
    const last = own.counted[own.counted.length - 1];
    report('DUP', subject, `${own.counted.length} effects at a receiver of class ${last?.effectClass ?? '?'}, ${allowed} allowed`);
  }
  if (status === 'delivered' && own.counted.length === 0 && !isDecidedOtherwise(ledger)) {
    report('DISHONEST', subject, 'delivered, but no receiver saw an effect');
  }
  if (NEGATIVE.has(status) && own.counted.length > 0 && !isUncertain(ledger) && own.denials === 0) {
    report('DISHONEST', subject, `${status} with an effect, although every attempt has a known negative outcome`);
  }
  if (status === 'held' && !isUncertain(ledger)) report('UNLISTED', subject, 'held, but nothing in its ledger is unknown');
}

/** An attempt whose outcome is `unknown`, or that has none at all. */
function isUncertain(ledger: readonly KeptEntry[]): boolean {
  if (ledger.some((entry) => entry.kind === 'outcome' && entry.result === 'unknown')) return true;
  const ended = new Set(ledger.filter((entry) => entry.kind === 'outcome').map((entry) => entry.attempt));
  return ledger.some((entry) => entry.kind === 'intent' && !ended.has(entry.attempt));
}

/** `delivered` by a policy that says openly that nobody knows, or by a person. */
function isDecidedOtherwise(ledger: readonly KeptEntry[]): boolean {
  const outcomes = ledger.filter((entry) => entry.kind === 'outcome');
  const last = outcomes[outcomes.length - 1];
  return last !== undefined && (last.provider === 'person' || last.result === 'unknown');
}

/** Only `resolved` is written where a person gives up or sends again; either way they have taken it into their own hands. */
function personsResends(ledger: readonly KeptEntry[]): number {
  return ledger.filter((entry) => entry.provider === 'person' && entry.result === 'resolved').length;
}

function balanceOf(
  evidence: Evidence,
  answered: ReadonlySet<string>,
  counts: Readonly<Record<string, number>>,
  tally: Pick<Balance, 'absorbed' | 'overtaken' | 'uncertain' | 'resentByPerson' | 'effects' | 'accepted'>,
): Balance {
  const of = (...statuses: readonly string[]): number => statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
  return {
    answeredRecords: answered.size,
    unansweredRecords: evidence.kept.filter((record) => !answered.has(keyOf(record.tenant, record.id))).length,
    delivered: of('delivered'),
    skipped: of('skipped'),
    expired: of('expired'),
    cancelled: of('cancelled'),
    dead: of('dead'),
    held: of('held'),
    open: of(...OPEN),
    ...tally,
  };
}
