import type { History } from '../../ports/reader.js';
import type { RecordEvent, WorkRecord } from '../../ports/record.js';
import type { NextWindow } from './quiet-hours.js';
import { changesOf, REASONS, RULE_REASONS } from './reasons.js';
import { type Facts, factsOf } from './rules.js';
import { whatIfs } from './what-if.js';

/** Events that say that something went wrong; all others are the normal way of things, waiting and skipping among them. */
const FAILURES: ReadonlySet<string> = new Set(['retried', 'dead', 'held', 'fenced']);

/** Those facts that are times: milliseconds where they are kept, ISO 8601 where they are told. */
const TIMES: ReadonlySet<string> = new Set(['now', 'expiresAt', 'quietFrom', 'quietUntil', 'until', 'retryAt', 'scheduledFor']);

/** True where the history cannot be explained without the calendar of quiet hours. */
export function needsCalendar({ events }: History): boolean {
  return events.some((event) => typeof event.detail?.quietStart === 'string');
}

/**
 * Why things went as they went: every decision with its rule, the clock that decided, what it was taken on, and what
 * alone would have made it another, in the order in which they were written. Pure.
 */
export function explainView(record: WorkRecord, history: History, nextWindow: NextWindow | null) {
  return {
    notificationId: record.id,
    userId: record.userId,
    status: record.status,
    acceptedAt: new Date(record.createdAt).toISOString(),
    deliveries: record.deliveries.map(({ id, channel, status, reason, dueAt }) => ({
      deliveryId: id,
      channel,
      status,
      reason,
      dueAt: dueAt === null ? null : new Date(dueAt).toISOString(),
      failed: status === 'dead' || status === 'held',
    })),
    events: history.events.map((event) => eventView(record, event, nextWindow)),
  };
}

function eventView(record: WorkRecord, event: RecordEvent, nextWindow: NextWindow | null) {
  const { at, name, rule, actor, clock, deliveryId, audit, detail = {} } = event;
  const facts = factsIn(record, event);
  const told = { at: new Date(at).toISOString(), name, rule, actor, clock, failure: FAILURES.has(name), why: whyOf(rule) };
  const of = { ...(deliveryId === undefined ? {} : { deliveryId }), ...(audit === undefined ? {} : { audit }) };
  if (facts === null) {
    const changes = changesOf(rule, record.deliveries.find(({ id }) => id === deliveryId)?.channel);
    const decided = changes.length === 0 ? {} : { inputs: inIso(detail), wouldHaveChanged: changes };
    return { ...told, ...of, detail, ...decided };
  }
  const wouldHaveChanged = whatIfs(facts, nextWindow).map(({ change, outcome, changed, decision }) => ({
    change,
    outcome,
    inputs: inIso(changed),
    decision: inIso(decision),
  }));
  return { ...told, ...of, detail, inputs: inIso(facts), wouldHaveChanged };
}

function whyOf(rule: string): string | null {
  return RULE_REASONS[rule] ?? REASONS[rule]?.why ?? null;
}

/** What a rule decided on; null where it was not one of the notifications' own. */
function factsIn(record: WorkRecord, { rule, detail = {}, deliveryId, at }: RecordEvent): Facts | null {
  const delivery = record.deliveries.find((each) => each.id === deliveryId);
  if (RULE_REASONS[rule] === undefined || delivery === undefined) return null;
  // Where nothing but the record was looked at nothing was kept, and the record still says all.
  const facts = factsOf(record, delivery, at, { person: null, nextWindow: null }, { criticalCategories: [], quietMarginMs: 0 });
  const kept = Object.keys(facts).map((name) => [name, detail[name]]);
  // Written by this workload, each under the name of the fact that it is.
  return { ...facts, ...(Object.fromEntries(kept.filter(([, value]) => value !== undefined)) as Partial<Facts>) };
}

function inIso(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const told = Object.entries(values).map(([name, value]) => [
    name,
    TIMES.has(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
  ]);
  return Object.fromEntries(told);
}
