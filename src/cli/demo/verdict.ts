import type { Answered, Fed } from './feed.js';

/** A delivery as the API tells of it. */
export interface ToldDelivery {
  readonly deliveryId: string;
  readonly channel: string;
  readonly status: string;
  /** The rule that put it in its state. */
  readonly reason: string | null;
  readonly operationId: string;
  readonly settledAt: string | null;
}

export interface Told {
  readonly acceptedAt: string;
  readonly deliveries: readonly ToldDelivery[];
}

/** What is said in the end. Deliveries, unless the name says otherwise. */
export interface Summary {
  readonly notificationsAccepted: number;
  /** Sent by an earlier run under the same keys; nothing was sent again, and they count nowhere else. */
  readonly notificationsKnown: number;
  readonly notificationsRefused: number;
  readonly repeatsPosted: number;
  readonly repeatsRecognised: number;
  readonly deliveries: number;
  readonly delivered: number;
  /** By the rule that said so. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly dead: number;
  readonly held: number;
  /** Expired or cancelled. */
  readonly otherwise: number;
  readonly open: number;
  /** Waited for the end of somebody's quiet hours; they are counted above as what became of them. */
  readonly deferred: number;
  /** Of these, sent because the person changed their mind and not because the hours were over. */
  readonly released: number;
  /** Went out in quiet hours because they were urgent. */
  readonly urgentInQuietHours: number;
  /** Went out in quiet hours though they were not. */
  readonly disturbed: number;
  /** Came again under a known id, which the receiver absorbs. */
  readonly absorbed: number;
  readonly duplicates: number;
  readonly lost: number;
  /** Neither seen nor missed: the receiver had forgotten them before they were looked at. */
  readonly notCompared: number;
  readonly ratePerSecond: number;
  /** From accepted to delivered, of what did not wait for the end of quiet hours. */
  readonly latencyMs: { readonly avg: number; readonly p50: number; readonly p95: number; readonly p99: number };
}

/** The receivers that take an operation once however often it comes. */
const ABSORBING: ReadonlySet<string> = new Set(['webhook', 'sms', 'push']);

export interface Witnesses {
  readonly fed: Fed;
  /** What the server says in the end, by notification id; null where it knows no such id. */
  readonly told: ReadonlyMap<string, Told | null>;
  /** The rules that decided about a delivery, by its id, where somebody had quiet hours. */
  readonly rules: ReadonlyMap<string, ReadonlySet<string>>;
  /** Until when a user was not to be disturbed, in milliseconds since the epoch on the server's clock. */
  readonly quietUntil: ReadonlyMap<string, number>;
  /** Deliveries that a change of mind set free, by id. */
  readonly released: ReadonlySet<string>;
  /** How often the receiver took an operation, as far as it was seen. */
  readonly timesTaken: (operationId: string) => number;
  /** Arrivals that went by unseen. */
  readonly missed: number;
}

type Known = ToldDelivery & { readonly answer: Answered };

/** Holds three witnesses against each other: the answers, the server's records, the receivers. Pure. */
export function summarise(witnesses: Witnesses): Summary {
  const { fed, told, timesTaken, missed } = witnesses;
  const fresh = fed.answered.filter((answer) => !answer.known);
  const deliveries = fresh.flatMap((answer) => (told.get(answer.id)?.deliveries ?? []).map((one) => ({ ...one, answer })));
  const of = (...statuses: readonly string[]): number => deliveries.filter(({ status }) => statuses.includes(status)).length;
  const again = deliveries.map((one) => ({ ...one, times: Math.max(0, timesTaken(one.operationId) - 1) }));
  const repeats = (absorbed: boolean): number =>
    again.filter(({ channel }) => ABSORBING.has(channel) === absorbed).reduce((sum, { times }) => sum + times, 0);
  const unseen = deliveries.filter(({ status, operationId }) => status === 'delivered' && timesTaken(operationId) === 0).length;
  const [delivered, dead, held, otherwise] = [of('delivered'), of('dead'), of('held'), of('expired', 'cancelled')];
  const expected = fresh.reduce((sum, { alert }) => sum + alert.channels.length, 0);
  return {
    notificationsAccepted: fresh.length,
    notificationsKnown: fed.answered.length - fresh.length,
    notificationsRefused: fed.refused.length,
    repeatsPosted: fed.repeats,
    repeatsRecognised: fed.recognised,
    deliveries: expected,
    delivered,
    skipped: skippedBy(deliveries),
    dead,
    held,
    otherwise,
    open: deliveries.length - delivered - dead - held - otherwise - of('skipped'),
    ...quiet(deliveries, witnesses),
    absorbed: repeats(true),
    // A repeat that was not recognised is a second notification; an e-mail that came twice lies twice in a mailbox.
    duplicates: repeats(false) + twins(fed.answered) + (fed.repeats - fed.recognised),
    lost: Math.max(0, expected - deliveries.length) + Math.max(0, unseen - missed),
    notCompared: Math.min(unseen, missed),
    ...speed(deliveries, witnesses),
  };
}

function skippedBy(deliveries: readonly Known[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status, reason } of deliveries) {
    if (status === 'skipped') counts[reason ?? 'no reason'] = (counts[reason ?? 'no reason'] ?? 0) + 1;
  }
  return counts;
}

type Quiet = Pick<Summary, 'deferred' | 'released' | 'urgentInQuietHours' | 'disturbed'>;

function quiet(deliveries: readonly Known[], { rules, released, quietUntil }: Witnesses): Quiet {
  const ruled = (rule: string): number => deliveries.filter(({ deliveryId }) => rules.get(deliveryId)?.has(rule) === true).length;
  const tooEarly = ({ status, settledAt, answer: { alert } }: Known): boolean =>
    status === 'delivered' && !alert.urgent && Date.parse(settledAt ?? '') < (quietUntil.get(alert.userId) ?? 0);
  return {
    deferred: ruled('quiet-hours'),
    released: deliveries.filter(({ deliveryId }) => released.has(deliveryId)).length,
    urgentInQuietHours: ruled('quiet-hours.urgent'),
    disturbed: deliveries.filter(tooEarly).length,
  };
}

/** Two keys must never share an id; each further one that does is work that was swallowed by another's. */
function twins(answered: readonly Answered[]): number {
  return answered.length - new Set(answered.map((answer) => answer.id)).size;
}

function speed(deliveries: readonly Known[], { told, rules }: Witnesses): Pick<Summary, 'ratePerSecond' | 'latencyMs'> {
  const spans = deliveries
    .filter(
      ({ status, settledAt, deliveryId }) => status === 'delivered' && settledAt !== null && !rules.get(deliveryId)?.has('quiet-hours'),
    )
    .map(({ settledAt, answer }) => ({ from: Date.parse(told.get(answer.id)?.acceptedAt ?? ''), to: Date.parse(settledAt ?? '') }));
  const took = spans.map(({ from, to }) => to - from).sort((a, b) => a - b);
  const from = spans.reduce((least, span) => Math.min(least, span.from), Number.POSITIVE_INFINITY);
  const to = spans.reduce((most, span) => Math.max(most, span.to), 0);
  const at = (share: number): number => took[Math.max(0, Math.ceil(took.length * share) - 1)] ?? 0;
  const avg = took.length === 0 ? 0 : Math.round(took.reduce((sum, ms) => sum + ms, 0) / took.length);
  return {
    ratePerSecond: took.length === 0 ? 0 : Math.round((took.length / Math.max(1, to - from)) * 1000),
    latencyMs: { avg, p50: at(0.5), p95: at(0.95), p99: at(0.99) },
  };
}

/** Whether everybody got theirs, once, and nobody was disturbed. */
export function isClean({ duplicates, lost, open, disturbed, notificationsRefused }: Summary): boolean {
  return duplicates === 0 && lost === 0 && open === 0 && disturbed === 0 && notificationsRefused === 0;
}
