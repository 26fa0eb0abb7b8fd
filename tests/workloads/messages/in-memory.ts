import type { Message, MessageDraft, MessageStore, PersistOutcome } from '../../../src/ports/messages.js';
import type { PayloadStore } from '../../../src/ports/payloads.js';
import type { StreamEntry } from '../../../src/ports/stream.js';
import { createAcceptMessage, type MessageSubmission } from '../../../src/workloads/messages/accept.js';

/** Messages and payloads in memory, to see what is asked of them. */
export function inMemory() {
  const messages = new Map<string, Message>();
  const payloads = new Map<string, string>();
  const persisted: (readonly MessageDraft[])[] = [];
  const store: Pick<MessageStore, 'persist' | 'get'> = {
    async persist(drafts) {
      persisted.push(drafts);
      return drafts.map((draft): PersistOutcome => {
        const known = messages.get(draft.id);
        if (known === undefined) messages.set(draft.id, { ...draft, persistedAt: 1 });
        return known === undefined ? 'stored' : known.fingerprint === draft.fingerprint ? 'duplicate' : 'conflict';
      });
    },
    get: async (tenant, id) => (messages.get(id)?.tenant === tenant ? (messages.get(id) ?? null) : null),
  };
  const blobs: PayloadStore = {
    async put(name, content) {
      payloads.set(name, content);
    },
    get: async (names) => new Map(names.flatMap((name) => (payloads.has(name) ? [[name, payloads.get(name) ?? '']] : []))),
    async remove(names) {
      for (const name of names) payloads.delete(name);
    },
  };
  return { messages, payloads, persisted, store, blobs };
}

export const clock = { now: () => 5_000, monotonic: () => 0 };

export function submission(change: Partial<MessageSubmission> = {}): MessageSubmission {
  const whose = { tenant: 't', conversationId: 'chat', senderId: 'ada' };
  return {
    ...whose,
    content: 'Hello',
    contentType: 'text',
    clientMessageId: 'c-1',
    key: 'c-1',
    recipientIds: [],
    correlationId: 'r',
    ...change,
  };
}

/** Accepts it as ingress does, and gives what the log would hand out. */
export async function entryOf(
  n: number,
  change: Partial<MessageSubmission> = {},
  blobs?: PayloadStore,
  inlineBytes = 1_000,
): Promise<StreamEntry> {
  const entries: StreamEntry[] = [];
  const accept = createAcceptMessage({
    log: {
      async append([draft]) {
        if (draft === undefined) throw new Error('nothing was appended');
        const order = `000001-${String(n).padStart(15, '0')}-000000000`;
        entries.push({ ...draft, entry: String(n), partition: 3, order, appendedAt: 1_000 + n, deliveries: 1, attempts: 0 });
        return [{ outcome: 'created', partition: 3, order, appendedAt: 1_000 + n }];
      },
      waits: async () => false,
    },
    desk: { get: async () => null },
    messages: { place: () => Promise.reject(new Error('nothing is stored here')), get: async () => null },
    payloads: blobs ?? {
      put: () => Promise.reject(new Error('nothing is put away here')),
      remove: () => Promise.reject(new Error('nothing is put away here')),
    },
    clock,
    ids: { next: () => `new-${n}` },
    watch: () => undefined,
    arrived: () => undefined,
    queuedPercent: 100,
    inlineBytes,
  });
  await accept(submission({ key: `c-${n}`, clientMessageId: `c-${n}`, ...change }));
  const [entry] = entries;
  if (entry === undefined) throw new Error('nothing was appended');
  return entry;
}
