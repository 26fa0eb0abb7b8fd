import { SignalboxError } from '../errors.js';
import type { Timer, Timers } from '../ports/clock.js';
import type { Attend } from './access.js';
import type { Authenticate } from './authenticate.js';
import { KEY_FRESH_MS } from './key-ring.js';

/** Ends an answer that lasts as soon as its caller is not honoured any more: the key was revoked, the token has run out. */
export function createAttend(authenticate: Authenticate, timers: Timers): Attend {
  return (request, response) => {
    let timer: Timer;
    const look = async (): Promise<void> => {
      try {
        await authenticate(request);
      } catch (error) {
        // A store that does not answer says nothing of the caller.
        if (!(error instanceof SignalboxError && error.retryable)) {
          response.end();
          return;
        }
      }
      if (!response.closed) lookAgain();
    };
    const lookAgain = (): void => {
      timer = timers.after(KEY_FRESH_MS, () => void look());
    };
    lookAgain();
    response.once('close', () => timer.cancel());
  };
}
