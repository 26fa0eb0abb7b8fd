import type { Chance } from '../ports/chance.js';
import type { Failure } from '../ports/record.js';
import type { Parking, Settlement, StreamEntry, StreamKey } from '../ports/stream.js';
import { backoffMs } from './retry.js';
import type { EntryOutcome } from './stream-handler.js';
import type { StreamSettings } from './stream-settings.js';

/** What is to be done about a batch. What is dead is to be buried before the settlement. */
export interface Verdict {
  readonly settlement: Omit<Settlement, 'batch'>;
  readonly dead: readonly { readonly entry: StreamEntry; readonly failure: Failure }[];
  readonly retried: number;
}

interface Standing extends Parking {
  readonly entries: string[];
}

/** Of a key nothing goes past an entry that is not done: it waits behind it, whatever its own outcome. */
export function settlementOf(
  entries: readonly StreamEntry[],
  outcomes: readonly EntryOutcome[],
  settings: Pick<StreamSettings, 'maxRetries' | 'backoffMs' | 'backoffMaxMs' | 'afterDeath'>,
  chance: Chance,
): Verdict {
  const done: string[] = [];
  const dead: { entry: StreamEntry; failure: Failure }[] = [];
  const standing = new Map<string, Standing>();
  const behindDead = new Map<string, Failure>();
  let retried = 0;
  for (const [n, entry] of entries.entries()) {
    const { tenant, key } = entry;
    const lane = laneOf(entry);
    const before = standing.get(lane);
    if (before !== undefined) {
      before.entries.push(entry.entry);
      continue;
    }
    const outcome = outcomes[n] ?? { kind: 'retry', failure: UNTOLD };
    if (outcome.kind === 'done') {
      done.push(entry.entry);
      continue;
    }
    const died = behindDead.get(lane);
    if (died !== undefined) {
      // It was left alone because of the one before it, which is out of the way now: at once, and nothing has been tried.
      standing.set(lane, { tenant, key, entries: [entry.entry], attempts: entry.attempts, afterMs: 0, failure: died });
      continue;
    }
    const attempts = entry.attempts + 1;
    const { failure } = outcome;
    if (outcome.kind === 'retry' && attempts <= settings.maxRetries) {
      retried += 1;
      standing.set(lane, { tenant, key, entries: [entry.entry], attempts, afterMs: backoffMs(attempts, settings, chance), failure });
      continue;
    }
    dead.push({ entry: { ...entry, attempts }, failure });
    done.push(entry.entry);
    behindDead.set(lane, failure);
    if (settings.afterDeath === 'hold') standing.set(lane, { tenant, key, entries: [], attempts: 0, afterMs: null, failure });
  }
  return { settlement: { done, parked: [...standing.values()] }, dead, retried };
}

/** One word for a key and its tenant. */
export function laneOf({ tenant, key }: StreamKey): string {
  return `${tenant}\n${key}`;
}

const UNTOLD: Failure = { code: 'no_outcome', message: 'The handler did not say what came of it.' };
