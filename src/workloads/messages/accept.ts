import { crc32 } from 'node:zlib';
import type { Ids } from '../../ports/chance.js';
import type { Clock } from '../../ports/clock.js';
import type { ConversationKey, MessageStore, UnplacedMessage } from '../../ports/messages.js';
import type { PayloadStore } from '../../ports/payloads.js';
import type { Appended, StreamDesk, StreamLog } from '../../ports/stream.js';
import type { Watch } from '../../ports/watch.js';
import { identityFor, messageFingerprint, payloadKeyOf, toDraft } from './envelope.js';
import { isLeftOver } from './leftovers.js';

/** A message as it was sent, validated. */
export interface MessageSubmission
  extends Pick<
    UnplacedMessage,
    'tenant' | 'conversationId' | 'senderId' | 'content' | 'contentType' | 'clientMessageId' | 'recipientIds' | 'correlationId'
  > {
  /** What tells a repeat; null: every call is a new message. */
  readonly key: string | null;
}

export interface MessageAccepted {
  readonly outcome: Appended['outcome'];
  readonly messageId: string;
  /** Of the first one where it is a repeat. */
  readonly acceptedAt: number;
  readonly state: 'pending' | 'persisted';
}

interface Deps {
  readonly log: Pick<StreamLog, 'append' | 'waits'>;
  readonly desk: Pick<StreamDesk, 'get'>;
  readonly messages: Pick<MessageStore, 'place' | 'get'>;
  readonly payloads: Pick<PayloadStore, 'put' | 'remove'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly watch: Watch;
  /** Told of a conversation whose new message is stored already. */
  arrived(conversations: readonly ConversationKey[]): void;
  /** Of a hundred conversations, how many are queued; the others are stored before they are answered. */
  readonly queuedPercent: number;
  /** Bytes of content past which it does not go into the log. */
  readonly inlineBytes: number;
}

export type AcceptMessage = (submission: MessageSubmission) => Promise<MessageAccepted>;

/**
 * Accepts a message: one atomic step of the log that tells new from known and appends, durable before this resolves. Where its
 * conversation is not among those that are queued it is stored at once instead, unless some of it is still in the log: then it
 * goes behind that, so that the conversation keeps its order.
 */
export function createAcceptMessage(deps: Deps): AcceptMessage {
  return async (submission) => {
    const message = messageOf(submission, deps);
    const direct =
      !isQueued(message, deps.queuedPercent) && !(await deps.log.waits({ tenant: message.tenant, key: message.conversationId }));
    const accepted = await (direct ? store(message, deps) : append(message, deps));
    deps.watch({ kind: 'message-accepted', outcome: accepted.outcome, path: direct ? 'direct' : 'queued' });
    return accepted;
  };
}

/** The same conversation always goes the same way, and stays among the queued as their share grows. */
export function isQueued({ tenant, conversationId }: Pick<UnplacedMessage, 'tenant' | 'conversationId'>, percent: number): boolean {
  return percent >= 100 || crc32(`path ${tenant} ${conversationId}`) % 100 < percent;
}

function messageOf({ key, ...sent }: MessageSubmission, { ids, clock }: Deps): UnplacedMessage {
  const { id, idempotencyKey } = key === null ? unkeyed(ids.next()) : identityFor({ ...sent, key });
  return { ...sent, id, idempotencyKey, fingerprint: messageFingerprint(sent), acceptedAt: clock.now() };
}

function unkeyed(id: string): { readonly id: string; readonly idempotencyKey: string } {
  return { id, idempotencyKey: id };
}

async function append(message: UnplacedMessage, deps: Deps): Promise<MessageAccepted> {
  const { log, payloads, inlineBytes } = deps;
  const payloadKey = Buffer.byteLength(message.content) > inlineBytes ? payloadKeyOf(message) : null;
  // Before the log knows of it: whoever reads the entry must find its content.
  if (payloadKey !== null) await payloads.put(payloadKey, message.content);
  const [appended] = await log.append([toDraft(message, payloadKey)]);
  if (appended === undefined) throw new Error('the log answered an append with nothing');
  if (payloadKey !== null && (await isInVain(message, appended.outcome, deps))) await payloads.remove([payloadKey]);
  return { outcome: appended.outcome, messageId: message.id, acceptedAt: appended.appendedAt, state: 'pending' };
}

/** Whether nobody will come for content that was put away for a message which the log knew already. */
async function isInVain(message: UnplacedMessage, outcome: Appended['outcome'], { log, desk, messages }: Deps): Promise<boolean> {
  const { tenant, id, conversationId: key, fingerprint } = message;
  if (outcome === 'conflict') return isLeftOver({ log, desk }, { tenant, id, key });
  // Whoever stored the first one has taken its content away. Not stored yet: it is the first one's too.
  return outcome === 'repeat' && (await messages.get(tenant, id))?.fingerprint === fingerprint;
}

async function store(message: UnplacedMessage, { messages, arrived }: Deps): Promise<MessageAccepted> {
  const { outcome, message: stored } = await messages.place(message);
  if (outcome === 'stored') arrived([stored]);
  const names = { stored: 'created', duplicate: 'repeat', conflict: 'conflict' } as const;
  return { outcome: names[outcome], messageId: message.id, acceptedAt: stored.acceptedAt, state: 'persisted' };
}
