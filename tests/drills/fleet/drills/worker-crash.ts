import { killInTurns } from '../deaths.js';
import type { Drill } from '../drill.js';

/** One worker after the other dies, at a moment from outside or at a named one, and stays away until the others have taken over. */
export const workerCrash: Drill = {
  name: 'worker-crash',
  about: 'kills one worker after the other with kill -9, at random and at named moments; the others take its work over',
  scale: { cycles: 6 },
  fault: (stage) => killInTurns(stage, ['after-claim', 'after-intent', 'after-send', 'before-outcome', 'before-ack']),
};
