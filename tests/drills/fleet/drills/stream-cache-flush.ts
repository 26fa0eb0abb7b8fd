import type { Drill } from '../drill.js';
import type { Offered } from '../load.js';
import { type MessageFindings, storedLate } from '../messages/evidence.js';
import { forgetRepeats } from '../messages/servers.js';
import { order } from '../messages/stream.js';
import { MESSAGE_WORK } from '../messages/work.js';
import type { Stage } from '../stage.js';

/** Messages that are sent once more after each loss. */
const REPEATS = 60;
const REPEATING = 8;

/** A message that was sent once more, and what its sender was told the first time and now. */
export interface Repeat {
  readonly key: string;
  readonly first: string | null;
  readonly now: { readonly messageId: string; readonly idempotentHit: boolean };
}

/** Redis forgets which messages it knows: the id follows from what is sent, and the store has one row for it. */
export const streamCacheFlush: Drill<MessageFindings> = {
  name: 'stream-cache-flush',
  about:
    'Redis loses what it remembers of messages (dedupe:* keys) under load, --cycles times: a repeat gets the same id and no second row',
  work: MESSAGE_WORK,
  scale: { rate: 80, cycles: 3 },
  async fault(stage) {
    const repeats: Repeat[] = [];
    let forgotten = 0;
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      await stage.fault('Redis forgets what it knows', null, async () => {
        forgotten += await forgetRepeats(stage);
      });
      const some = stage.random.shuffled(stage.load.offers.filter(({ acceptedAt }) => acceptedAt !== null)).slice(0, REPEATS);
      // Twice: the first is taken for new where nobody remembers it, the second is known again.
      for (const again of [await sendAgain(stage, some), await sendAgain(stage, some)]) repeats.push(...again);
      await stage.pass(3_000);
    }
    stage.figure('keys that were lost', forgotten);
    stage.figure('messages sent once more', repeats.length);
    stage.figure('of them taken for new', repeats.filter(({ now }) => !now.idempotentHit).length);
    for (const line of unlikeTheFirst(repeats)) stage.fail(line);
  },
  judge: (_stage, { histories }) => storedLate(histories),
};

async function sendAgain(stage: Stage, some: readonly Offered[]): Promise<readonly Repeat[]> {
  const repeats: Repeat[] = [];
  const left = some.values();
  const sender = async (): Promise<void> => {
    for (const { key, body, recordId } of left) {
      repeats.push({ key, first: recordId, now: await order<Repeat['now']>(stage, '/api/v1/messages', body) });
    }
  };
  await Promise.all(Array.from({ length: REPEATING }, sender));
  return repeats;
}

/** A line for each that was told another id than before; and for what would show nothing. */
export function unlikeTheFirst(repeats: readonly Repeat[]): readonly string[] {
  const other = repeats.filter(({ first, now }) => now.messageId !== first);
  return [
    ...other.map(({ key, first, now }) => `${key} was told ${first} at first, and ${now.messageId} now`),
    ...(repeats.some(({ now }) => !now.idempotentHit)
      ? []
      : ['no repeat was taken for new: nothing was forgotten, and the drill has shown nothing']),
    ...(repeats.some(({ now }) => now.idempotentHit) ? [] : ['no repeat was recognised, not even the second']),
  ];
}
