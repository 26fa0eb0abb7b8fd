import { until } from '../../stage.js';
import type { Drill } from '../drill.js';
import type { Offered } from '../load.js';
import { bodyOf, type Dead, deadLettersOf, historiesOf, type MessageFindings, storedLate } from '../messages/evidence.js';
import { message } from '../messages/load.js';
import { order } from '../messages/stream.js';
import { MESSAGE_WORK } from '../messages/work.js';
import type { Stage } from '../stage.js';

/** One of a hundred, so many in all. */
const EVERY = 100;
const FIRST = 50;
const POISONED = 25;
/** Handling a message that says so throws, with FAILPOINT=poison. */
const MARK = 'poison-throws';
const DEAD_WITHIN_MS = 120_000;
/** Whoever has nothing to do with poison: from the log into the store. */
const OTHERS_MS = 10_000;

type Policy = 'continue' | 'hold';

const isPoisoned = (index: number): boolean => index % EVERY === FIRST && index < EVERY * POISONED;

/** Some messages cannot be handled until the handler is put right: they alone become dead letters, and come back to their places. */
function poisonUnder(name: string, policy: Policy, what: string): Drill<MessageFindings> {
  return {
    name,
    about: `1 % of messages make their handler throw: ${what}; redriven when the handler is right, all are in their places`,
    work: MESSAGE_WORK,
    scale: { rate: 100 },
    settings: { STREAM_FAILURE_POLICY: policy, FAILPOINT: 'poison' },
    offerOf: (index, { run }) => message(index, run, isPoisoned(index) ? { text: ` ${MARK}` } : {}),
    async fault(stage) {
      await stage.fault('poison', null, () => allBuried(stage, policy));
      await beforeRedrive(stage, policy);
      await stage.fault('the handler is put right', null, () => putRight(stage));
      await redriveAll(stage);
    },
    judge(stage, { histories }) {
      const touched = new Set(stage.load.offers.filter(isMarked).map(conversationOf));
      const others = [...histories].filter(([id]) => !touched.has(id)).flatMap(([, history]) => history);
      const latestMs = Math.max(0, ...others.map(({ acceptedAt, persistedAt }) => Date.parse(persistedAt) - Date.parse(acceptedAt)));
      stage.figure('conversations with poison', touched.size);
      stage.figure('the latest of all others came after, ms', latestMs);
      return [
        ...(latestMs > OTHERS_MS ? [`one that had nothing to do with poison was stored after ${latestMs} ms`] : []),
        // Where a conversation goes on past a dead one, that is stored behind its followers, in its old place.
        ...(policy === 'hold' ? storedLate(histories) : []),
      ];
    },
  };
}

export const streamPoison = poisonUnder('stream-poison', 'continue', 'they are dead letters, and everything else flows');
export const streamPoisonHold = poisonUnder(
  'stream-poison-hold',
  'hold',
  'their conversations wait behind them, and everything else flows',
);

function isMarked({ body }: Pick<Offered, 'body'>): boolean {
  return body.includes(MARK);
}

function conversationOf({ body }: Pick<Offered, 'body'>): string {
  return bodyOf(body).conversationId;
}

/** Until what has to be dead is; the load goes on. */
async function allBuried(stage: Stage, policy: Policy): Promise<void> {
  await until(DEAD_WITHIN_MS, async () => stage.load.offers.filter(isMarked).length === POISONED);
  const expected = expectedDead(stage.load.offers, policy);
  await until(DEAD_WITHIN_MS, async () => (await dead(stage)).length >= expected.size);
  for (const line of notAsExpected(await dead(stage), expected)) stage.fail(line);
  stage.figure('poisoned messages', POISONED);
  stage.figure('dead letters before the redrive', expected.size);
}

/** Who must be among the dead letters: all that are poisoned, or, where a conversation waits behind its first, that one. */
export function expectedDead(offers: readonly Offered[], policy: Policy): ReadonlySet<string> {
  const expected = new Map<string, string>();
  for (const offer of offers.filter(isMarked)) {
    const place = policy === 'hold' ? conversationOf(offer) : offer.key;
    if (!expected.has(place)) expected.set(place, offer.recordId ?? '');
  }
  return new Set(expected.values());
}

/** A line for each that is dead and should not be, and the other way round. */
export function notAsExpected(letters: readonly Pick<Dead, 'recordId'>[], expected: ReadonlySet<string>): readonly string[] {
  const there = new Set(letters.map(({ recordId }) => recordId));
  return [
    ...[...there]
      .filter((id) => !expected.has(id))
      .map((id) => `${id} is a dead letter and was not poisoned, or stood behind one that was`),
    ...[...expected].filter((id) => !there.has(id)).map((id) => `${id} was poisoned and is no dead letter`),
  ];
}

/** What was sent behind a poisoned one is there, or waits: as the policy says. */
async function beforeRedrive(stage: Stage, policy: Policy): Promise<void> {
  const { offers } = stage.load;
  const touched = new Set(offers.filter(isMarked).map(conversationOf));
  const histories = await historiesOf(apiOf(stage), touched);
  let behind = 0;
  for (const id of touched) {
    const own = offers.filter((offer) => conversationOf(offer) === id);
    const after = new Set(own.slice(own.findIndex(isMarked)).map(({ recordId }) => recordId));
    behind += (histories.get(id) ?? []).filter(({ messageId }) => after.has(messageId)).length;
  }
  stage.figure('stored behind poison before the redrive', behind);
  if (policy === 'hold' && behind > 0) stage.fail(`${behind} messages went past one that their conversation waits for`);
  if (policy === 'continue' && behind === 0) stage.fail('no conversation has gone on past a dead letter');
}

/** As a new version is brought out: one after the other. */
async function putRight(stage: Stage): Promise<void> {
  for (const worker of stage.workers) {
    const ended = await worker.stop();
    if (ended?.code !== 0) stage.fail(`${worker.name} did not end in order: ${ended?.signal ?? `exit code ${ended?.code}`}`);
    await worker.start({ FAILPOINT: '' });
  }
}

/** Until there is none, in any order. */
async function redriveAll(stage: Stage): Promise<void> {
  const giveUpAt = performance.now() + DEAD_WITHIN_MS;
  let redriven = 0;
  for (let letters = await dead(stage); letters.length > 0 && performance.now() < giveUpAt; letters = await dead(stage)) {
    for (const { recordId } of stage.random.shuffled(letters)) {
      await order(stage, `/api/v1/dead-letters/${recordId}/redrive`);
      redriven += 1;
    }
  }
  stage.figure('redriven', redriven);
}

function dead(stage: Stage): Promise<readonly Dead[]> {
  return deadLettersOf(apiOf(stage));
}

function apiOf(stage: Stage): string {
  const api = stage.apis.find((member) => member.running);
  if (api === undefined) throw new Error('no API is left to ask');
  return api.url;
}
