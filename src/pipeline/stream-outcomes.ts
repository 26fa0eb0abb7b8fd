import { SignalboxError } from '../errors.js';
import type { Failure } from '../ports/record.js';
import type { StreamEntry } from '../ports/stream.js';
import type { Watch } from '../ports/watch.js';
import type { EntryOutcome, StreamHandler } from './stream-handler.js';
import { laneOf } from './stream-settlement.js';

/** What an owner handles a batch with. */
export interface Attempt {
  readonly handle: StreamHandler;
  readonly watch: Watch;
  /** Handed out more often than this without being settled, an entry is worn out. */
  readonly maxDeliveries: number;
  /** Aborts when the partition is lost. */
  readonly signal: AbortSignal;
  /** Nothing more is to be begun. */
  over(): boolean;
  /** These kill nobody, however often they were handed out. */
  spare(entries: readonly StreamEntry[]): Promise<unknown>;
  /** Waits, after so many failures one after the other. */
  pause(failures: number): Promise<void>;
}

/**
 * What came of each entry, in their order. What the handler needs being away is nobody's failure: it is tried again until it is
 * back. Null: it was cut short, and nothing is known.
 */
export async function outcomesOf(entries: readonly StreamEntry[], attempt: Attempt): Promise<readonly EntryOutcome[] | null> {
  const { handle, watch, maxDeliveries, signal, over, spare, pause } = attempt;
  const worn = entries.filter(({ deliveries }) => deliveries > maxDeliveries);
  // A suspect is alone, so this is about all or nothing of the batch.
  if (worn.length === entries.length) return entries.map(() => ({ kind: 'dead', failure: WORN_OUT }));
  for (let failures = 1; ; failures += 1) {
    try {
      return await handle(entries, signal);
    } catch (error) {
      if (signal.aborted) return null;
      watch({ kind: 'trouble', where: 'stream.handle', error });
      if (!(error instanceof SignalboxError) || !error.retryable) return apart(entries, attempt);
      // Else whoever takes the partition over while this lasts would have it counted against them; as it is where this cannot be said.
      if (failures === 1) await spare(entries).catch((cause) => watch({ kind: 'trouble', where: 'stream.spare', error: cause }));
      if (over()) return null;
      await pause(failures);
      if (over()) return null;
    }
  }
}

/** The handler failed over one of them: over which, each shows alone. Behind a failed one of a key nothing is tried. */
async function apart(entries: readonly StreamEntry[], attempt: Attempt): Promise<readonly EntryOutcome[] | null> {
  const outcomes: EntryOutcome[] = [];
  const failed: EntryOutcome = { kind: 'retry', failure: HANDLER_FAILED };
  if (entries.length === 1) return [failed];
  const stuck = new Set<string>();
  for (const entry of entries) {
    const lane = laneOf(entry);
    const alone = stuck.has(lane) ? [failed] : await outcomesOf([entry], attempt);
    if (alone === null) return null;
    const [outcome = failed] = alone;
    if (outcome.kind !== 'done') stuck.add(lane);
    outcomes.push(outcome);
  }
  return outcomes;
}

const WORN_OUT: Failure = { code: 'claims_exhausted', message: 'It was handed out again and again, and nobody lived to settle it.' };
const HANDLER_FAILED: Failure = { code: 'handler_failed', message: 'Handling it failed in a way that nobody expected.' };
