import type { Drill } from '../drill.js';
import type { Findings } from '../evidence.js';
import { offer } from '../load.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';
import { firstEffects } from '../times.js';

/** Past the lease, so that others take over what the blocked worker holds. */
const BLOCK_MS = 7_000;
const KINDS = ['throws', 'exits', 'kills', 'hangs', `blocks-${BLOCK_MS}`] as const;
/** The first of them comes when the load is steady; then one every so many. */
const FIRST = 40;
const EVERY = 10;
const LOOK_MS = 200;
const DEAD_WITHIN_MS = 120_000;

const nameOf = (index: number): string => {
  const kind = KINDS[(index - FIRST) / EVERY];
  return kind === undefined ? `n${index}` : `poison-${kind}-n${index}`;
};

/** Handling some throws, ends the process, hangs or blocks it: those alone become dead letters. */
export const poison: Drill = {
  name: 'poison',
  about: 'items whose handling throws, exits, kills its worker, hangs or blocks it past its lease: each dead-letters alone',
  scale: { rate: 20 },
  settings: { FAILPOINT: 'poison', MAX_RETRY_ATTEMPTS: '3', MAX_CLAIMS: '5' },
  // Only what absorbs a repeat: an e-mail on its way in a killed worker has to be held, poisoned neighbour or not.
  offerOf: (index, { run, sinkUrl }) => {
    const poisoned = nameOf(index) !== `n${index}`;
    const channel = poisoned ? 'webhook' : (['webhook', 'sms', 'push'] as const)[index % 3];
    const plain = offer(index, channel ?? 'webhook', { run, sinkUrl });
    if (!poisoned) return plain;
    const recipient = `${sinkUrl}/sink/webhook/${nameOf(index)}`;
    const body = { ...(JSON.parse(plain.body) as object), to: { webhook: recipient } };
    return { ...plain, body: JSON.stringify(body), expected: [{ channel: 'webhook', recipient }] };
  },
  async fault(stage) {
    const deaths = new Map<string, number>();
    let watching = true;
    const watched = Promise.all(stage.workers.map((worker) => keepAlive(stage, worker, deaths, () => watching)));
    // Poison comes back until its attempts are used up, and what was near it after its lease: only the whole is judged.
    await stage.fault('poison', DEAD_WITHIN_MS, async () => {
      const giveUpAt = performance.now() + DEAD_WITHIN_MS;
      while (!(await allDead(stage)) && performance.now() < giveUpAt) await stage.pass(1_000);
    });
    if (!(await stage.caughtUp(DEAD_WITHIN_MS))) stage.fail('the others did not get through');
    watching = false;
    await watched;
    stage.figure(
      'workers that died of it',
      [...deaths.values()].reduce((sum, count) => sum + count, 0),
    );
  },
  judge,
};

/** As any process manager: what ends is started again. */
async function keepAlive(stage: Stage, worker: Member, deaths: Map<string, number>, goOn: () => boolean): Promise<void> {
  while (goOn()) {
    if (worker.running) await stage.pass(LOOK_MS);
    else {
      deaths.set(worker.name, (deaths.get(worker.name) ?? 0) + 1);
      await worker.start();
    }
  }
}

async function allDead(stage: Stage): Promise<boolean> {
  const poisoned = stage.load.offers.filter(({ key }) => KINDS.some((_, at) => key.endsWith(`-n${FIRST + at * EVERY}`)));
  if (poisoned.length < KINDS.length) return false;
  for (const { recordId } of poisoned) {
    const api = stage.apis.find((member) => member.running);
    const told = await api?.get<{ readonly status: string }>(`/api/v1/notifications/${recordId}`);
    if (told?.status !== 'dead') return false;
  }
  return true;
}

function judge(stage: Stage, { told, evidence }: Findings): readonly string[] {
  const wrong: string[] = [];
  let slowestMs = 0;
  const at = firstEffects(evidence);
  for (const { notificationId, acceptedAt, lock, deliveries } of told) {
    for (const { recipient, status, reason, failure, attempts, operationId } of deliveries) {
      const kind = /poison-([a-z]+)/.exec(recipient)?.[1];
      if (kind !== undefined) {
        stage.figure(`poison that ${kind}: attempts`, attempts.length);
        stage.figure(`poison that ${kind}: claims`, lock.claims);
        if (status !== 'dead') wrong.push(`${notificationId}, which ${kind}, is ${status}`);
      } else {
        slowestMs = Math.max(slowestMs, (at.get(operationId) ?? 0) - Date.parse(acceptedAt));
        if (status !== 'delivered') wrong.push(`${notificationId} is ${status} (${reason}, ${failure?.code}): it was only near poison`);
      }
    }
  }
  stage.figure('the latest of all others came after, ms', slowestMs);
  return wrong;
}
