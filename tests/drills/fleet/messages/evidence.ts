import { type Audit, auditOf, type Stored } from '../../../../load-test/messages/audit.js';
import type { Sent } from '../../../../load-test/messages/load.js';
import { check } from '../../../../tools/ledger/check.js';
import type { Answer, Evidence, Kept, Report, Seen } from '../../../../tools/ledger/entry.js';
import { readAll } from '../../evidence.js';
import { write } from '../../stage.js';
import type { Offered } from '../load.js';
import type { Stage } from '../stage.js';
import type { MessageBody } from './load.js';
import { type Row, rowsOf } from './servers.js';

/** A dead letter, as the desk lists it. */
export interface Dead {
  readonly recordId: string;
  /** Its conversation. */
  readonly recipient: string;
  readonly failure: { readonly code: string } | null;
}

/** What witnesses say that know nothing of each other: senders, the history of each conversation, the desk, and the store's own rows. */
export interface MessageWitnesses {
  readonly offers: readonly Offered[];
  readonly answers: readonly Answer[];
  readonly histories: ReadonlyMap<string, readonly Stored[]>;
  readonly dead: readonly Dead[];
  readonly rows: readonly Row[];
}

export interface MessageFindings extends MessageWitnesses {
  readonly report: Report;
  readonly audit: Audit;
}

const READERS = 8;

/** Reads every conversation back through an API, and the rows past it. The evidence stays in the stage's directory as NDJSON. */
export async function messageFindings(stage: Stage): Promise<MessageFindings> {
  const api = stage.apis.find((member) => member.running);
  if (api === undefined) throw new Error('no API is left to ask');
  const { offers, answers } = stage.load;
  const [histories, dead, rows] = [
    await historiesOf(api.url, new Set(offers.map(({ body }) => bodyOf(body).conversationId))),
    await deadLettersOf(api.url),
    await rowsOf(stage),
  ];
  const witnesses = { offers, answers, histories, dead, rows };
  const evidence = evidenceOf(witnesses);
  for (const name of ['answers', 'seen', 'kept'] as const) write(stage.directory, name, evidence[name]);
  write(
    stage.directory,
    'histories',
    [...histories].map(([id, history]) => ({ id, history })),
  );
  return { ...witnesses, report: check(evidence), audit: auditOf(sentOf(offers), histories) };
}

/** Each conversation from its beginning. */
export async function historiesOf(url: string, conversations: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly Stored[]>> {
  const histories = new Map<string, readonly Stored[]>();
  const left = conversations.values();
  const reader = async (): Promise<void> => {
    for (const id of left) histories.set(id, await readAll<Stored>(`${url}/api/v1/conversations/${id}/messages`));
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return histories;
}

/** All that there are. */
export function deadLettersOf(url: string): Promise<readonly Dead[]> {
  return readAll<Dead>(`${url}/api/v1/dead-letters`);
}

/**
 * In the words of the checker: a message is a record with one delivery, into the store. That it was accepted is the intent; its row
 * is the effect, which nobody absorbs: two rows are a second effect.
 */
export function evidenceOf({ answers, histories, dead, rows }: MessageWitnesses): Evidence {
  const kept = [
    ...[...histories].flatMap(([conversation, history]) => history.map(({ messageId }) => keptOf(messageId, conversation, 'delivered'))),
    ...dead.map(({ recordId, recipient }) => keptOf(recordId, recipient, 'dead')),
  ];
  const seen = rows.map(
    ({ id, conversationId, persistedAt }): Seen => ({
      kind: 'effect',
      operationId: id,
      effectClass: 'neither',
      at: persistedAt,
      recordId: id,
      channel: 'stream',
      recipient: conversationId,
    }),
  );
  return { answers, kept, seen };
}

function keptOf(id: string, conversation: string, status: 'delivered' | 'dead'): Kept {
  const delivery = { id, channel: 'stream', recipient: conversation, operationId: id, status, generation: 1, attempts: 1 };
  const line = { operationId: id, attempt: 1, provider: 'store' };
  const result = status === 'delivered' ? 'done' : 'failed';
  const ledger = [
    { ...line, kind: 'intent' as const },
    { ...line, kind: 'outcome' as const, result },
  ];
  return { tenant: 'default', id, status, deliveries: [delivery], ledger };
}

/**
 * As the audit of conversations wants it. A sender's own order is its clock: one is sent when the one before is answered, so that of
 * two of a conversation it is always known which came first, also within a millisecond.
 */
export function sentOf(offers: readonly Offered[]): readonly Sent[] {
  const sequences = new Map<string, number>();
  return offers.map(({ body, recordId, acceptedAt }, n) => {
    const { conversationId, clientMessageId, content } = bodyOf(body);
    const sequence = (sequences.get(conversationId) ?? 0) + 1;
    sequences.set(conversationId, sequence);
    const times = { intendedAt: sequence, sentAt: sequence, answeredAt: sequence + 0.5 };
    const taken = acceptedAt !== null;
    const answer = { status: taken ? 202 : 0, messageId: recordId, error: taken ? null : 'never accepted', repeat: null };
    return { n, conversationId, clientMessageId, content, ...times, ...answer };
  });
}

/** What was sent. */
export function bodyOf(body: string): MessageBody {
  return JSON.parse(body) as MessageBody;
}

/** The servers' clocks as two processes read them. */
const SKEW_MS = 500;

/** Messages that came to be stored before one that stands before them: whoever followed the conversation has missed that one. */
export function storedLate(histories: ReadonlyMap<string, readonly Stored[]>): readonly string[] {
  return [...histories.values()].flatMap((history) => {
    const late: string[] = [];
    let before = 0;
    for (const { messageId, persistedAt } of history.toReversed()) {
      const at = Date.parse(persistedAt);
      if (before > 0 && at > before + SKEW_MS) late.push(`${messageId} was stored ${at - before} ms after one that stands behind it`);
      before = before === 0 ? at : Math.min(before, at);
    }
    return late;
  });
}
