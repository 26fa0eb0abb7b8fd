import { SignalboxError } from '../../errors.js';
import type { EntryOutcome, StreamHandler } from '../../pipeline/stream-handler.js';
import type { Clock } from '../../ports/clock.js';
import type { ConversationKey, MessageDraft, MessageStore, PersistOutcome } from '../../ports/messages.js';
import type { PayloadStore } from '../../ports/payloads.js';
import type { StreamEntry } from '../../ports/stream.js';
import type { HandledAs, Watch } from '../../ports/watch.js';
import { fromEntry } from './envelope.js';

interface Deps {
  readonly messages: Pick<MessageStore, 'persist' | 'get'>;
  readonly payloads: Pick<PayloadStore, 'get' | 'remove'>;
  readonly clock: Clock;
  readonly watch: Watch;
  /** Told of the conversations that have something new. */
  arrived(conversations: readonly ConversationKey[]): void;
}

/** An entry on its way: what is to be stored of it, or what has become of it already. */
interface Step {
  readonly entry: StreamEntry;
  readonly draft: MessageDraft | null;
  readonly payloadKey: string | null;
  readonly outcome: EntryOutcome | null;
  /** Null: nothing was tried. */
  readonly result: HandledAs | null;
}

const DONE: EntryOutcome = { kind: 'done' };

/** Stores what the log hands out: all of a batch in one write, whose unique keys are the last guard against a second row. */
export function persistHandler(deps: Deps): StreamHandler {
  const { clock, watch } = deps;
  return async (entries, signal) => {
    const began = clock.monotonic();
    const tell = (steps: readonly Pick<Step, 'entry' | 'outcome' | 'result'>[]): void => {
      const handled = steps.flatMap(({ entry, outcome, result }) => (result === null ? [] : [{ entry, result, ...codeOf(outcome) }]));
      watch({ kind: 'messages-handled', handled, durationMs: clock.monotonic() - began, now: clock.now() });
    };
    try {
      const steps = await store(entries, signal, deps);
      deps.arrived(conversationsOf(steps));
      tell(steps);
      return steps.map(({ outcome }) => outcome ?? DONE);
    } catch (error) {
      // A partition that was lost says nothing of its entries.
      if (!signal.aborted) tell(entries.map((entry) => ({ entry, outcome: failed(error), result: 'error' })));
      throw error;
    }
  };
}

async function store(entries: readonly StreamEntry[], signal: AbortSignal, deps: Deps): Promise<readonly Step[]> {
  const steps = holdBack(await prepare(entries, deps));
  signal.throwIfAborted();
  const open = steps.flatMap(({ draft }) => (draft === null ? [] : [draft]));
  const outcomes = await deps.messages.persist(open);
  const byDraft = new Map(open.map((draft, n) => [draft, outcomes[n]]));
  const ended = steps.map((step) => settle(step, step.draft === null ? undefined : byDraft.get(step.draft)));
  const used = ended.flatMap(({ payloadKey, outcome }) => (payloadKey !== null && outcome?.kind === 'done' ? [payloadKey] : []));
  if (used.length > 0) await deps.payloads.remove(used);
  return ended;
}

/** Reads each, with its content where that waits elsewhere. */
async function prepare(entries: readonly StreamEntry[], { messages, payloads }: Deps): Promise<readonly Step[]> {
  const read = entries.map((entry) => ({ entry, message: fromEntry(entry) }));
  const names = read.flatMap(({ message }) => (message?.payloadKey == null ? [] : [message.payloadKey]));
  const contents = names.length === 0 ? new Map<string, string>() : await payloads.get(names);
  return Promise.all(
    read.map(async ({ entry, message }): Promise<Step> => {
      if (message === null) return dead(entry, 'unreadable', 'The entry is not a message.');
      const { payloadKey, content: inline, ...rest } = message;
      const content = inline ?? contents.get(payloadKey ?? '');
      if (content !== undefined) return { entry, draft: { ...rest, content }, payloadKey, outcome: null, result: 'success' };
      // Removed after the message was stored, and before the entry was settled; else lost.
      const stored = await messages.get(rest.tenant, rest.id);
      if (stored?.fingerprint === rest.fingerprint) return { entry, draft: null, payloadKey, outcome: DONE, result: 'duplicate' };
      return dead(entry, 'payload-missing', 'The content of the message is not where it was put.');
    }),
  );
}

/** What comes behind one that failed, in the same conversation, is not stored before it is known what becomes of that one. */
function holdBack(steps: readonly Step[]): readonly Step[] {
  const stopped = new Set<string>();
  return steps.map((step) => {
    const lane = `${step.entry.tenant} ${step.entry.key}`;
    if (stopped.has(lane)) {
      const failure = { code: 'held-back', message: 'An earlier message of the conversation failed.' };
      return { ...step, draft: null, outcome: { kind: 'retry', failure }, result: null };
    }
    if (step.outcome !== null && step.outcome.kind !== 'done') stopped.add(lane);
    return step;
  });
}

function settle(step: Step, outcome: PersistOutcome | undefined): Step {
  if (outcome === undefined) return step;
  if (outcome === 'stored') return { ...step, outcome: DONE };
  if (outcome === 'duplicate') return { ...step, outcome: DONE, result: 'duplicate' };
  return dead(step.entry, 'conflicting-payload', 'Another message was accepted under the same key before.');
}

function dead(entry: StreamEntry, code: string, message: string): Step {
  return { entry, draft: null, payloadKey: null, outcome: { kind: 'dead', failure: { code, message } }, result: 'error' };
}

function failed(error: unknown): EntryOutcome {
  const code = error instanceof SignalboxError ? error.code : 'internal';
  return { kind: 'retry', failure: { code, message: 'The batch could not be stored.' } };
}

function codeOf(outcome: EntryOutcome | null): { readonly code?: string } {
  return outcome === null || outcome.kind === 'done' ? {} : { code: outcome.failure.code };
}

/** Those with something new, each once. */
function conversationsOf(steps: readonly Step[]): readonly ConversationKey[] {
  const found = new Map<string, ConversationKey>();
  for (const { entry, result } of steps) {
    const { tenant, key: conversationId } = entry;
    if (result === 'success') found.set(`${tenant} ${conversationId}`, { tenant, conversationId });
  }
  return [...found.values()];
}
