import type { Sent } from './load.js';

/** A message as a conversation's history shows it. */
export interface Stored {
  readonly messageId: string;
  readonly clientMessageId: string | null;
  readonly content: string;
  readonly order: string;
  readonly acceptedAt: string;
  readonly persistedAt: string;
}

/** What is wrong with what was stored, by kind, with a few examples. */
export interface Audit {
  /** Accepted, and not there. */
  readonly lost: readonly string[];
  /** There more than once, or under another id than was answered. */
  readonly doubled: readonly string[];
  /** There, and never sent; or with other content. */
  readonly strangers: readonly string[];
  /** Behind one that was only sent after this had been answered; or no place of its own. */
  readonly disordered: readonly string[];
  /** Repeats that were not told the first one's id; or, after its answer, not that they are repeats. */
  readonly unrecognised: readonly string[];
}

/** Holds every conversation, as its history gives it, against what was sent into it. */
export function auditOf(sent: readonly Sent[], histories: ReadonlyMap<string, readonly Stored[]>): Audit {
  const byKey = new Map(sent.map((message) => [message.clientMessageId, message]));
  const all = [...histories.values()].flat();
  const times = new Map<string, number>();
  for (const { clientMessageId, messageId } of all) {
    const key = clientMessageId ?? messageId;
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  const accepted = sent.filter(({ messageId }) => messageId !== null);
  return {
    lost: accepted.filter(({ clientMessageId }) => !times.has(clientMessageId)).map(({ clientMessageId }) => clientMessageId),
    doubled: [
      ...[...times].filter(([, count]) => count > 1).map(([key]) => key),
      ...all.filter((one) => isUnderAnotherId(one, byKey)).map(({ messageId }) => messageId),
    ],
    strangers: all.filter((one) => byKey.get(one.clientMessageId ?? '')?.content !== one.content).map(({ messageId }) => messageId),
    disordered: [...histories.values()].flatMap((history) => disorderIn(history, byKey)),
    unrecognised: accepted.filter(wasNotRecognised).map(({ clientMessageId }) => clientMessageId),
  };
}

function isUnderAnotherId({ clientMessageId, messageId }: Stored, byKey: ReadonlyMap<string, Sent>): boolean {
  const answered = byKey.get(clientMessageId ?? '')?.messageId ?? null;
  return answered !== null && answered !== messageId;
}

function wasNotRecognised({ messageId, repeat }: Sent): boolean {
  return repeat !== null && (repeat.messageId !== messageId || (repeat.late && !repeat.hit));
}

/** Two of which the second was sent after the first was answered have an order; two that were under way at once have none. */
function disorderIn(history: readonly Stored[], byKey: ReadonlyMap<string, Sent>): readonly string[] {
  const wrong: string[] = [];
  let latestSentAt = 0;
  let before = '';
  for (const { clientMessageId, order, messageId } of history) {
    const message = byKey.get(clientMessageId ?? '');
    if (order <= before) wrong.push(messageId);
    before = order;
    if (message === undefined) continue;
    // Something above it was only sent when this one had been answered already.
    if (message.answeredAt > 0 && message.error === null && message.answeredAt < latestSentAt) wrong.push(messageId);
    latestSentAt = Math.max(latestSentAt, message.sentAt);
  }
  return wrong;
}
