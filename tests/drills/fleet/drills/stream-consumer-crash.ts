import { killInTurns } from '../deaths.js';
import type { Drill } from '../drill.js';
import { type MessageFindings, storedLate } from '../messages/evidence.js';
import { MESSAGE_WORK } from '../messages/work.js';

/** Consumers die one after the other, from outside or with a batch in their hands: read, stored, about to settle, just settled. */
export const streamConsumerCrash: Drill<MessageFindings> = {
  name: 'stream-consumer-crash',
  about: 'kills one consumer of messages after the other with kill -9, at random and at named moments; the others take its partitions',
  work: MESSAGE_WORK,
  scale: { rate: 60, cycles: 6 },
  fault: (stage) => killInTurns(stage, ['after-claim', 'before-outcome', 'after-outcome', 'before-ack', 'after-ack']),
  judge: (_stage, { histories }) => storedLate(histories),
};
