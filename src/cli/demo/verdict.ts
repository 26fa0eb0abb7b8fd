import type { Answered, Fed } from './feed.js';

/** A delivery as the API tells of it. */
export interface ToldDelivery {
  readonly channel: string;
  readonly status: string;
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
  readonly dead: number;
  readonly held: number;
  readonly otherwise: number;
  readonly open: number;
  /** Webhooks that came again under a known id, which a receiver absorbs. */
  readonly absorbed: number;
  readonly duplicates: number;
  readonly lost: number;
  /** Neither seen nor missed: the sink had forgotten them before they were looked at. */
  readonly notCompared: number;
  readonly ratePerSecond: number;
  readonly latencyMs: { readonly avg: number; readonly p50: number; readonly p95: number; readonly p99: number };
}

const OTHERWISE: ReadonlySet<string> = new Set(['skipped', 'expired', 'cancelled']);

interface Witnesses {
  readonly fed: Fed;
  /** What the server says in the end, by notification id; null where it knows no such id. */
  readonly told: ReadonlyMap<string, Told | null>;
  /** How often the receiver took an operation, as far as it was seen. */
  readonly timesTaken: (operationId: string) => number;
  /** Arrivals that went by unseen. */
  readonly missed: number;
}

/** Holds three witnesses against each other: the answers, the server's records, the receiver. Pure. */
export function summarise({ fed, told, timesTaken, missed }: Witnesses): Summary {
  const fresh = fed.answered.filter((answer) => !answer.known);
  const records = fresh.map((answer) => ({ answer, record: told.get(answer.id) ?? null }));
  const deliveries = records.flatMap(({ record }) => record?.deliveries ?? []);
  const of = (status: string): number => deliveries.filter((delivery) => delivery.status === status).length;
  const again = (channel: string): number =>
    deliveries.filter((one) => one.channel === channel).reduce((sum, one) => sum + Math.max(0, timesTaken(one.operationId) - 1), 0);
  const unseen = deliveries.filter((delivery) => delivery.status === 'delivered' && timesTaken(delivery.operationId) === 0).length;
  const otherwise = deliveries.filter((delivery) => OTHERWISE.has(delivery.status)).length;
  const [delivered, dead, held] = [of('delivered'), of('dead'), of('held')];
  const expected = fresh.reduce((sum, { alert }) => sum + alert.channels.length, 0);
  return {
    notificationsAccepted: fresh.length,
    notificationsKnown: fed.answered.length - fresh.length,
    notificationsRefused: fed.refused.length,
    repeatsPosted: fed.repeats,
    repeatsRecognised: fed.recognised,
    deliveries: expected,
    delivered,
    dead,
    held,
    otherwise,
    open: deliveries.length - delivered - dead - held - otherwise,
    absorbed: again('webhook'),
    // A repeat that was not recognised is a second notification; an e-mail that came twice lies twice in a mailbox.
    duplicates: again('email') + twins(fed.answered) + (fed.repeats - fed.recognised),
    lost: Math.max(0, expected - deliveries.length) + Math.max(0, unseen - missed),
    notCompared: Math.min(unseen, missed),
    ...speed(records.map(({ record }) => record)),
  };
}

/** Two keys must never share an id; each further one that does is work that was swallowed by another's. */
function twins(answered: readonly Answered[]): number {
  return answered.length - new Set(answered.map((answer) => answer.id)).size;
}

function speed(records: readonly (Told | null)[]): Pick<Summary, 'ratePerSecond' | 'latencyMs'> {
  const spans = records.flatMap((record) =>
    (record?.deliveries ?? [])
      .filter((delivery) => delivery.status === 'delivered' && delivery.settledAt !== null)
      .map((delivery) => ({ from: Date.parse(record?.acceptedAt ?? ''), to: Date.parse(delivery.settledAt ?? '') })),
  );
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

/** Whether everybody got theirs, once. */
export function isClean({ duplicates, lost, open, notificationsRefused }: Summary): boolean {
  return duplicates === 0 && lost === 0 && open === 0 && notificationsRefused === 0;
}
