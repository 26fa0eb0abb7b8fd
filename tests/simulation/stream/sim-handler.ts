import { SignalboxError } from '../../../src/errors.js';
import type { EntryOutcome, StreamHandler } from '../../../src/pipeline/stream-handler.js';
import type { StreamEntry } from '../../../src/ports/stream.js';
import type { Incarnation } from '../incarnation.js';
import type { StreamReferee } from './referee.js';

const REFUSED = { code: 'refused', message: 'Refused.' };

/** Stores a batch in one go, as a bulk insert does: in order within each key, and nothing of a key past what failed. */
export function handlerOf(who: Incarnation, referee: StreamReferee, store: { down: boolean }): StreamHandler {
  let inHand = 0;
  const handle: StreamHandler = async (entries, signal) => {
    const outcomes = entries.map((entry, n) => outcomeOf(entry, entries.slice(0, n), referee));
    const killer = entries[outcomes.indexOf('kills')];
    if (killer !== undefined) {
      referee.killed(who, killer, inHand - 1);
      who.crash('it handled what kills');
      return new Promise(() => undefined);
    }
    if (outcomes.includes('throws')) throw new Error('simulated: the handler breaks');
    const write = (): void => {
      if (store.down) throw new SignalboxError('store-unavailable', 'simulated: the store is down');
      for (const [n, entry] of entries.entries()) if (outcomes[n] === 'done') referee.stored(who, entry);
    };
    await who.call('store.persist', 'store-unavailable', write);
    signal.throwIfAborted();
    return outcomes.map((outcome): EntryOutcome => {
      if (outcome === 'done') return { kind: 'done' };
      return { kind: outcome === 'dead' ? 'dead' : 'retry', failure: REFUSED };
    });
  };
  return async (entries, signal) => {
    inHand += entries.length;
    try {
      return await handle(entries, signal);
    } finally {
      inHand -= entries.length;
    }
  };
}

function outcomeOf(
  entry: StreamEntry,
  before: readonly StreamEntry[],
  referee: StreamReferee,
): 'done' | 'retry' | 'dead' | 'throws' | 'kills' {
  const blocked = before.some((one) => one.key === entry.key && one.tenant === entry.tenant && outcomeAlone(one, referee) !== 'done');
  return blocked ? 'retry' : outcomeAlone(entry, referee);
}

function outcomeAlone(entry: StreamEntry, referee: StreamReferee): 'done' | 'retry' | 'dead' | 'throws' | 'kills' {
  switch (referee.meant.get(entry.id)?.nature) {
    case 'fails-once':
      return entry.attempts === 0 ? 'retry' : 'done';
    case 'fails-always':
      return 'retry';
    case 'refused':
      return 'dead';
    case 'throws':
      return 'throws';
    case 'kills':
      return 'kills';
    case 'well':
    case undefined:
      return 'done';
  }
}
