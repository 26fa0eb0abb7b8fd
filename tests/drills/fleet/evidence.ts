import { check } from '../../../tools/ledger/check.js';
import type { Evidence, Report } from '../../../tools/ledger/entry.js';
import { keptOf, read, readNotifications, seenOf, type ToldNotification } from '../evidence.js';
import { write } from '../stage.js';
import { type FaultRecovery, recoveriesOf } from './recovery.js';
import type { Stage } from './stage.js';

/** One line of a record's history, in the order in which it was written. */
export interface ToldEvent {
  readonly at: string;
  readonly name: string;
  readonly rule: string;
  /** The worker that wrote it. */
  readonly actor: string;
  readonly detail: { readonly token?: number };
}

/** All that three witnesses said, and what comes of holding them against each other. */
export interface Findings {
  readonly told: readonly ToldNotification[];
  /** Histories of those records that were claimed more than once, by record id. */
  readonly histories: ReadonlyMap<string, readonly ToldEvent[]>;
  readonly evidence: Evidence;
  readonly report: Report;
}

/** The stage's receivers of these absorb a repeat under the same key. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['webhook', 'sms', 'push']);
const READERS = 8;

/** Reads every record back through an API, and compares. The evidence stays in the stage's directory as NDJSON. */
export async function findingsOf(stage: Stage): Promise<Findings> {
  const api = stage.apis.find((member) => member.running);
  if (api === undefined) throw new Error('no API is left to ask');
  const told = await readNotifications(api.url);
  const histories = await readHistories(api.url, told);
  const evidence = { answers: stage.load.answers, kept: keptOf(told), seen: seenOf(stage.sink.ledgerFile, told, IDEMPOTENT) };
  for (const name of ['answers', 'seen', 'kept'] as const) write(stage.directory, name, evidence[name]);
  write(
    stage.directory,
    'histories',
    [...histories].map(([id, events]) => ({ id, events })),
  );
  return { told, histories, evidence, report: check(evidence) };
}

async function readHistories(url: string, told: readonly ToldNotification[]): Promise<Findings['histories']> {
  const histories = new Map<string, readonly ToldEvent[]>();
  const left = told.filter(({ lock }) => lock.claims > 1).values();
  const reader = async (): Promise<void> => {
    for (const { notificationId } of left) {
      const { events } = await read<{ readonly events: readonly ToldEvent[] }>(`${url}/api/v1/notifications/${notificationId}/explain`);
      histories.set(notificationId, events);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return histories;
}

/**
 * Writes under a lease that had passed on: what a worker wrote after another had claimed the record. A history is kept in the
 * order of its writes, and a claim's own line comes with the first write under it.
 */
export function staleWrites(histories: Findings['histories'], workers: ReadonlySet<string>): readonly string[] {
  const stale: string[] = [];
  for (const [id, events] of histories) {
    let holder: string | null = null;
    let token = 0;
    for (const { name, actor, detail } of events) {
      if (!workers.has(actor)) continue;
      if (name === 'claimed') {
        const claimed = detail.token ?? 0;
        if (claimed <= token) stale.push(`${id}: ${actor} wrote under token ${claimed} after token ${token}`);
        token = Math.max(token, claimed);
        holder = actor;
      } else if (name !== 'fenced' && holder !== null && actor !== holder) {
        stale.push(`${id}: ${actor} wrote "${name}" while ${holder} held the record`);
      }
    }
  }
  return stale;
}

/** When what was offered came to rest, and when the receiver took something: for how long it took to recover. */
export function recoveredOf(stage: Stage, { told, evidence }: Findings): readonly FaultRecovery[] {
  const offeredAt = new Map(stage.load.offers.map((offer) => [offer.recordId, offer.offeredAt]));
  const deliveries = told.flatMap(({ notificationId, acceptedAt, scheduledFor, deliveries: own }) => {
    const since = Math.max(offeredAt.get(notificationId) ?? Date.parse(acceptedAt), scheduledFor === null ? 0 : Date.parse(scheduledFor));
    return own.map(({ settledAt }) => ({ since, settledAt: settledAt === null ? null : Date.parse(settledAt) }));
  });
  return recoveriesOf(
    stage.faults,
    deliveries,
    evidence.seen.map(({ at }) => at),
  );
}
