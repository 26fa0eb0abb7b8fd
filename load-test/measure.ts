import { keptOf, type ToldDelivery, type ToldNotification } from '../tests/drills/evidence.js';
import { check } from '../tools/ledger/check.js';
import type { Answer, Report, Seen, SeenClass } from '../tools/ledger/entry.js';
import type { Item } from './generator.js';
import type { ChannelName } from './options.js';
import type { Arrival } from './receiver.js';
import type { Figures, Histogram, Second } from './result.js';
import { histogram, percentile, type Summary, summaryOf } from './stats.js';

/** What is known of a run when all is over. */
export interface Measured {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly items: readonly Item[];
  readonly arrivals: readonly Arrival[];
  readonly told: readonly ToldNotification[];
}

const CLASS_OF: Readonly<Record<ChannelName, SeenClass>> = {
  webhook: 'idempotent',
  'in-app': 'idempotent',
  email: 'neither',
  sms: 'neither',
  push: 'neither',
};

/** Came to rest without an effect, and says so. */
const EXPLAINED: ReadonlySet<string> = new Set(['dead', 'held', 'skipped', 'expired', 'cancelled']);

/** An item with what became of it. */
interface Fate {
  readonly item: Item;
  readonly told: ToldNotification | undefined;
  readonly delivery: ToldDelivery | undefined;
  /** When it first arrived. */
  readonly arrivedAt: number | undefined;
}

export function fatesOf({ items, arrivals, told }: Pick<Measured, 'items' | 'arrivals' | 'told'>): readonly Fate[] {
  const byId = new Map(told.map((one) => [one.notificationId, one]));
  const first = new Map<string, number>();
  for (const { operationId, at } of arrivals) first.set(operationId, Math.min(at, first.get(operationId) ?? at));
  return items.map((item) => {
    const record = item.recordId === null ? undefined : byId.get(item.recordId);
    const delivery = record?.deliveries.find(({ channel }) => channel === item.channel);
    return { item, told: record, delivery, arrivedAt: delivery === undefined ? undefined : first.get(delivery.operationId) };
  });
}

/** The three witnesses in the words of the shared checker. */
export function ledgerOf({ items, arrivals, told }: Pick<Measured, 'items' | 'arrivals' | 'told'>): Report {
  const ofKey = new Map(items.map((item) => [item.key, item]));
  const seen = arrivals.map(({ operationId, at, channel, target }): Seen => {
    // Webhooks come under an address of the notification's own: two operations at one address are two effects.
    const item = channel === 'webhook' ? ofKey.get(target.split('/').at(-1) ?? '') : undefined;
    const whose = item?.recordId == null ? {} : { recordId: item.recordId, channel, recipient: item.recipient };
    return { kind: 'effect', operationId, effectClass: CLASS_OF[channel], at, ...whose };
  });
  return check({ answers: items.flatMap(answersOf), seen, kept: keptOf(told) });
}

function answersOf(item: Item): readonly Answer[] {
  const { key, channel, recipient, answeredAt: at, status, recordId, repeat } = item;
  const common = { tenant: 'default', key, at, expected: [{ channel, recipient }] };
  const own = { ...common, status: recordId === null ? status : 202, recordId };
  return repeat === null ? [own] : [own, { ...common, status: repeat.status, recordId: repeat.recordId }];
}

export function figuresOf(measured: Measured, fates: readonly Fate[], { balance, violations }: Report): Figures {
  const { items, durationMs, startedAt } = measured;
  const seconds = durationMs / 1000;
  const endsAt = startedAt + durationMs;
  const accepted = items.filter(({ error }) => error === null);
  const arrived = fates.filter(({ arrivedAt }) => arrivedAt !== undefined);
  const errors: Record<string, number> = {};
  for (const { error } of items) if (error !== null) errors[error] = (errors[error] ?? 0) + 1;
  const kinds: Record<string, number> = {};
  for (const { kind } of violations) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const lost = fates.filter(({ item, delivery, arrivedAt }) => {
    return item.recordId !== null && arrivedAt === undefined && !EXPLAINED.has(delivery?.status ?? '');
  });
  const lastArrival = Math.max(endsAt, ...tail(measured.arrivals));
  return {
    offered: items.length,
    accepted: accepted.length,
    delivered: arrived.length,
    offeredPerSecond: items.length / seconds,
    acceptedPerSecond: accepted.filter(({ answeredAt }) => answeredAt <= endsAt).length / seconds,
    deliveredPerSecond: arrived.length / ((lastArrival - startedAt) / 1000),
    errors,
    errorRate:
      items.length === 0 ? 0 : fates.filter(({ item, arrivedAt }) => item.error !== null || arrivedAt === undefined).length / items.length,
    latency: summaryOf(arrived.map(({ item, arrivedAt = Number.NaN }) => arrivedAt - item.intendedAt)),
    stages: stagesOf(fates),
    repeats: repeatsOf(items),
    duplicates: (kinds['DUP'] ?? 0) + balance.absorbed,
    lost: lost.length,
    balance,
    violations: kinds,
  };
}

/** Of the last arrivals only: spreading all of them into a call would overflow its arguments. */
function tail(arrivals: readonly Arrival[]): readonly number[] {
  return arrivals.slice(-1000).map(({ at }) => at);
}

/** A repeat is recognised when it is answered with the same id; one that comes later must also say that it is a repeat. */
function repeatsOf(items: readonly Item[]): Figures['repeats'] {
  const repeated = items.filter(({ repeat, error }) => repeat !== null && error === null);
  const recognised = repeated.filter(({ repeat, recordId }) => {
    return recordId !== null && repeat?.recordId === recordId && (repeat.hit || !repeat.late);
  });
  return { sent: repeated.length, recognised: recognised.length };
}

function stagesOf(fates: readonly Fate[]): Readonly<Record<string, Summary>> {
  const queueWait: number[] = [];
  const call: number[] = [];
  const delivered: number[] = [];
  for (const { told, delivery, arrivedAt } of fates) {
    if (told === undefined) continue;
    const [first] = delivery?.attempts ?? [];
    const acceptedAt = Date.parse(told.acceptedAt);
    if (first !== undefined) queueWait.push(Date.parse(first.startedAt) - acceptedAt);
    if (typeof first?.durationMs === 'number') call.push(first.durationMs);
    if (arrivedAt !== undefined) delivered.push(Math.max(0, arrivedAt - acceptedAt));
  }
  const answered = fates.filter(({ item }) => item.answeredAt > 0);
  return {
    'generator: intended → sent': summaryOf(answered.map(({ item }) => item.sentAt - item.intendedAt)),
    'http: POST → 202': summaryOf(answered.filter(({ item }) => item.error === null).map(({ item }) => item.answeredAt - item.sentAt)),
    'queue wait: accept → intent': summaryOf(queueWait),
    'provider call': summaryOf(call),
    'accept → delivered': summaryOf(delivered),
  };
}

export function secondsOf({ startedAt, durationMs, items, arrivals }: Measured, fates: readonly Fate[]): readonly Second[] {
  const last = arrivals.reduce((latest, { at }) => Math.max(latest, at), startedAt + durationMs - 1);
  const count = Math.max(1, Math.min(Math.floor((last - startedAt) / 1000) + 1, 100_000));
  const rows = Array.from({ length: count }, () => ({ offered: 0, accepted: 0, delivered: 0, errors: 0, took: [] as number[] }));
  const row = (at: number) => rows[Math.min(count - 1, Math.max(0, Math.floor((at - startedAt) / 1000)))];
  for (const item of items) {
    const intended = row(item.intendedAt);
    if (intended !== undefined) intended.offered += 1;
    const answered = item.error === null ? row(item.answeredAt) : intended;
    if (answered === undefined) continue;
    if (item.error === null) answered.accepted += 1;
    else answered.errors += 1;
  }
  for (const { item, arrivedAt } of fates) {
    if (arrivedAt === undefined) continue;
    row(item.intendedAt)?.took.push(arrivedAt - item.intendedAt);
    const arrived = row(arrivedAt);
    if (arrived !== undefined) arrived.delivered += 1;
  }
  return rows.map(({ took, ...counts }) => {
    const sorted = took.sort((a, b) => a - b);
    const at = (share: number): number | null => (sorted.length === 0 ? null : percentile(sorted, share));
    return { ...counts, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  });
}

/** Upper bounds in milliseconds: fine where it is good, coarse where it is bad. */
export const BOUNDS = [2, 4, 6, 8, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2500, 5000, 10_000, 30_000];

export function histogramOf(fates: readonly Fate[]): Histogram {
  const took = fates.flatMap(({ item, arrivedAt }) => (arrivedAt === undefined ? [] : [arrivedAt - item.intendedAt]));
  return { bounds: BOUNDS, counts: histogram(took, BOUNDS) };
}
