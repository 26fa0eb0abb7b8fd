import type { Drill } from '../drill.js';
import type { MessageFindings } from '../messages/evidence.js';
import { message } from '../messages/load.js';
import { MESSAGE_WORK } from '../messages/work.js';

const DRAINED_MS = 60_000;
/** So many that no sender has to wait for its own last answer at such a rate. */
const CONVERSATIONS = 1_000;
/** What an API may take, but for one of a hundred: it has no store to wait for. */
const ANSWER_MS = 1_000;
const SLOW_SHARE = 0.01;
/** Until an API that has only just started has reached its pace. */
const WARM_UP_MS = 10_000;
/** Of what is offered while the store is away, what must be accepted meanwhile: the rest is on its way. */
const KEEPS_UP = 0.98;

/** The store is away, and nobody who sends notices: the log has everything, and hands it on when the store is back. */
export const streamStoreDown: Drill<MessageFindings> = {
  name: 'stream-store-down-60s',
  about:
    'the store is away for --seconds: messages are accepted all the same, and all are stored 60 s after its return, under the same load',
  work: MESSAGE_WORK,
  scale: { rate: 500, seconds: 60, apis: 2, workers: 2 },
  // More at a time than the default: what has piled up shares commands.
  settings: { STREAM_BATCH_SIZE: '100' },
  offerOf: (index, { run }) => message(index, run, { conversations: CONVERSATIONS }),
  async fault(stage) {
    await stage.pass(WARM_UP_MS);
    await stage.fault(`store: away for ${stage.options.seconds} s`, DRAINED_MS, async () => {
      await stage.servers.mongodb.kill();
      const before = stage.load.counts();
      const slowBefore = stage.load.slowerThan(ANSWER_MS);
      await stage.pass(stage.options.seconds * 1000);
      const after = stage.load.counts();
      const offered = after.offered - before.offered;
      const accepted = after.accepted - before.accepted;
      const failed = after.failedRequests - before.failedRequests;
      const slow = stage.load.slowerThan(ANSWER_MS) - slowBefore;
      stage.figure('offered while it was away', offered);
      stage.figure('accepted while it was away', accepted);
      stage.figure('answers slower than 1 s while it was away', slow);
      stage.figure('in the log when it came back', (await stage.backlog())?.open ?? '?');
      if (accepted < KEEPS_UP * offered) stage.fail(`only ${accepted} of ${offered} messages were accepted while the store was away`);
      if (slow > SLOW_SHARE * accepted)
        stage.fail(`${slow} of ${accepted} answers took longer than ${ANSWER_MS} ms while the store was away`);
      if (failed > 0) stage.fail(`${failed} requests failed for want of the store`);
      await stage.servers.mongodb.start();
    });
    const back = performance.now();
    if (!(await stage.caughtUp(DRAINED_MS))) stage.fail(`the log was not worked off ${DRAINED_MS / 1000} s after the store's return`);
    stage.figure('worked off after its return, s', ((performance.now() - back) / 1000).toFixed(1));
  },
};
