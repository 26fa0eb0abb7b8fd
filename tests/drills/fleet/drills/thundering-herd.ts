import { SAVED_UP } from '../../../../src/ports/rates.js';
import type { Drill } from '../drill.js';
import type { Findings } from '../evidence.js';
import { offer } from '../load.js';
import type { Stage } from '../stage.js';
import { mostInASecond } from '../times.js';

/** Webhooks a second over the whole fleet. */
const LIMIT = 20;
/** So many seconds' worth of the load are all due in the same second. */
const HERD_S = 25;
/** They are offered so much faster than the load. */
const FASTER = 5;
/** Time for the last of them to be accepted before they fall due. */
const AHEAD_MS = 4_000;
/** With the quarter of a second's worth that may be saved up. */
const MOST = LIMIT * (1 + SAVED_UP);
/** The sink tells when a call arrived, which is not quite when it began. */
const ON_THE_WAY = 2;

/** When the herd is due; null: what is offered now is no part of it. */
let dueAt: number | null = null;

export const thunderingHerd: Drill = {
  name: 'thundering-herd',
  about: `${HERD_S} seconds' worth of webhooks (--rate) are due in the same second: their receiver gets ${LIMIT}/s from the whole fleet`,
  scale: { rate: 20 },
  settings: { WEBHOOK_RATE_PER_SECOND: String(LIMIT) },
  offerOf: (index, { run, sinkUrl }) => {
    if (dueAt === null) return offer(index, index % 2 === 0 ? 'sms' : 'push', { run, sinkUrl });
    return offer(index, 'webhook', { run, sinkUrl, scheduledFor: new Date(dueAt).toISOString() });
  },
  async fault(stage) {
    const { rate } = stage.options;
    const gatherMs = (HERD_S * 1000) / FASTER;
    const due = Date.now() + gatherMs + AHEAD_MS;
    stage.say(`gathering a herd of ${HERD_S * rate}`);
    dueAt = due;
    stage.load.pace(FASTER * rate);
    await stage.pass(gatherMs);
    dueAt = null;
    stage.load.pace(rate / 3);
    await stage.pass(Math.max(0, due - Date.now()));
    const drainMs = ((HERD_S * rate) / LIMIT) * 1000;
    await stage.fault('all of the herd is due', 2 * drainMs, async () => undefined);
    if (!(await stage.caughtUp(2 * drainMs + 30_000))) stage.fail('the herd was not through in twice its time');
  },
  judge,
};

function judge(stage: Stage, { told, evidence }: Findings): readonly string[] {
  const [fault] = stage.faults;
  const due = fault?.from ?? 0;
  const webhooks = evidence.seen.filter(({ channel }) => channel === 'webhook').sort((a, b) => a.at - b.at);
  const went = webhooks.map(({ at }) => at - due);
  const early = told.filter(({ scheduledFor, deliveries }) => {
    const ids = new Set(deliveries.map(({ operationId }) => operationId));
    return scheduledFor !== null && webhooks.some(({ operationId, at }) => ids.has(operationId) && at < Date.parse(scheduledFor));
  });
  const most = mostInASecond(went);
  const took = (went.at(-1) ?? 0) / 1000;
  stage.figure('herd', went.length);
  stage.figure('limit, calls a second', LIMIT);
  stage.figure('most within any second', most);
  stage.figure('through after, s', took.toFixed(1));
  stage.figure('calls a second on the whole', (went.length / took).toFixed(1));
  return [
    ...(most > MOST + ON_THE_WAY ? [`${most} within a second, ${MOST} allowed`] : []),
    ...(early.length > 0 ? [`${early.length} came before they were due`] : []),
  ];
}
