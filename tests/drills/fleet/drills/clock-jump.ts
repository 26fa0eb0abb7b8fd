import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Drill } from '../drill.js';
import type { Findings } from '../evidence.js';
import { offer } from '../load.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';
import { firstEffects } from '../times.js';

/** Of the Debian package libfaketime; the one for programs with threads. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
/** One in so many is for later, by so much. */
const SCHEDULED_EVERY = 4;
const LATER_MS = 6_000;
/** Nothing that is due may wait longer than this beyond its time, on a machine that has other things to do. */
const LATE_MS = 10_000;
const JUMPS = [
  ['worker', 0, '+3600'],
  ['worker', 1, '-3600'],
  ['api', 0, '+3600'],
] as const;

const jumpedAt = new WeakMap<Stage, number>();

/** Clocks of some processes jump while they run: leases and due times go by the store's clock, waits by the monotonic one. */
export const clockJump: Drill = {
  name: 'clock-jump',
  about: 'the clocks of a worker and an API jump an hour ahead, and of a worker an hour back, for --seconds: nothing is early or double',
  scale: { rate: 20, seconds: 20, workers: 3, leaseMs: 10_000 },
  offerOf: (index, { run, sinkUrl, seeded }) => {
    const channel = (['webhook', 'sms', 'push', 'email'] as const)[Math.floor(seeded.next() * 4)] ?? 'webhook';
    const scheduledFor = new Date(Date.now() + LATER_MS).toISOString();
    return offer(index, channel, { run, sinkUrl, ...(index % SCHEDULED_EVERY === 0 ? { scheduledFor } : {}) });
  },
  async fault(stage) {
    if (!existsSync(LIBRARY)) throw new Error(`${LIBRARY} is missing: apt-get install libfaketime`);
    const clocks = JUMPS.map(([role, at, by]) => ({ member: memberAt(stage, role, at), by }));
    for (const { member } of clocks) await onItsOwnClock(stage, member);
    await stage.fault('clocks: jump', stage.leaseMs, async () => {
      jumpedAt.set(stage, Date.now());
      for (const { member, by } of clocks) set(stage, member, by);
      await stage.pass(1_500);
      for (const { member, by } of clocks) await seesTheJump(stage, member, Number(by));
      await stage.pass(stage.options.seconds * 1000);
    });
    await stage.fault('clocks: right again', stage.leaseMs, async () => {
      for (const { member } of clocks) set(stage, member, '+0');
    });
    await stage.pass(LATER_MS);
  },
  judge,
};

function memberAt(stage: Stage, role: 'api' | 'worker', at: number): Member {
  const member = (role === 'api' ? stage.apis : stage.workers)[at];
  if (member === undefined) throw new Error('clock-jump needs two workers and an API');
  return member;
}

const fileOf = (stage: Stage, { name }: Member): string => join(stage.directory, `${name}.clock`);

function set(stage: Stage, member: Member, by: string): void {
  writeFileSync(fileOf(stage, member), `${by}\n`);
}

/** Started anew, on a clock that may be moved while it runs; its monotonic clock is everybody's. */
async function onItsOwnClock(stage: Stage, member: Member): Promise<void> {
  set(stage, member, '+0');
  await member.stop();
  await member.start({
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: fileOf(stage, member),
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
}

/** Its answers carry its clock. */
async function seesTheJump(stage: Stage, member: Member, byS: number): Promise<void> {
  const response = await fetch(`${member.url}/health`, { signal: AbortSignal.timeout(5_000) });
  const told = Date.parse(response.headers.get('date') ?? '');
  await response.body?.cancel();
  const offS = (told - Date.now()) / 1000;
  stage.figure(`${member.name}: its clock is off by, s`, Math.round(offS));
  if (!(Math.abs(offS - byS) < 60)) stage.fail(`the clock of ${member.name} did not jump: off by ${offS} s instead of ${byS}`);
}

function judge(stage: Stage, { told, histories, evidence }: Findings): readonly string[] {
  const wrong: string[] = [];
  const at = firstEffects(evidence);
  let scheduled = 0;
  let latestMs = 0;
  for (const { notificationId, scheduledFor, deliveries } of told) {
    if (scheduledFor === null) continue;
    scheduled += 1;
    const due = Date.parse(scheduledFor);
    for (const { operationId } of deliveries) {
      const lateMs = (at.get(operationId) ?? due) - due;
      latestMs = Math.max(latestMs, lateMs);
      if (lateMs < 0) wrong.push(`${notificationId} came ${-lateMs} ms before it was due`);
    }
  }
  const since = jumpedAt.get(stage) ?? 0;
  // Nobody died after the jump, so nobody may have been fenced. The line's own time is the store's.
  const stolen = [...histories].filter(([, events]) => events.some((event) => event.name === 'fenced' && Date.parse(event.at) >= since));
  stage.figure('scheduled', scheduled);
  stage.figure('the latest of them came after its time, ms', latestMs);
  stage.figure('leases taken over', stolen.length);
  return [
    ...wrong,
    ...stolen.map(([id]) => `${id} was taken from a worker that lived`),
    ...(latestMs > LATE_MS ? [`a scheduled one came ${latestMs} ms after its time, ${LATE_MS} allowed`] : []),
  ];
}
