import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { SignalboxError } from '../../src/errors.js';
import type { Fleet, FleetMember, SeenMember } from '../../src/ports/fleet.js';
import { createPresence } from '../../src/runtime/presence.js';
import { HandClock } from '../support/hand-clock.js';

const SELF: FleetMember = {
  workerId: 'worker-1',
  incarnation: 'mine',
  roles: ['worker'],
  host: hostname(),
  pid: process.pid,
  version: '1',
  port: 9091,
  startedAt: Date.now(),
  state: 'running',
  holds: 0,
  processed: 0,
  failed: 0,
  connections: 1,
};

/** A registry in memory that may be away. */
class Registry implements Fleet {
  readonly rows = new Map<string, SeenMember>();
  readonly #clock: HandClock;
  away = false;
  beats = 0;

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  put(member: FleetMember, livesMs: number): void {
    this.rows.set(member.workerId, { ...member, seenAt: this.#clock.now(), livesUntil: this.#clock.now() + livesMs });
  }

  async beat(member: FleetMember, livesMs: number): Promise<'ok' | 'taken'> {
    this.#refuseIfAway();
    this.beats += 1;
    const row = this.rows.get(member.workerId);
    if (row !== undefined && row.incarnation !== member.incarnation && row.livesUntil > this.#clock.now()) return 'taken';
    this.put(member, livesMs);
    return 'ok';
  }

  async members(): Promise<readonly SeenMember[]> {
    this.#refuseIfAway();
    return [...this.rows.values()].filter(({ livesUntil }) => livesUntil > this.#clock.now());
  }

  async lost(): Promise<readonly SeenMember[]> {
    this.#refuseIfAway();
    return [...this.rows.values()].filter(({ livesUntil }) => livesUntil <= this.#clock.now());
  }

  async leave(workerId: string, incarnation: string): Promise<void> {
    this.#refuseIfAway();
    if (this.rows.get(workerId)?.incarnation === incarnation) this.rows.delete(workerId);
  }

  #refuseIfAway(): void {
    if (this.away) throw new SignalboxError('store-unavailable', 'away');
  }
}

function setting() {
  const clock = new HandClock();
  const fleet = new Registry(clock);
  const sizes: number[] = [];
  const troubles: unknown[] = [];
  const presence = createPresence({
    fleet,
    member: () => SELF,
    timers: clock,
    clock,
    onSize: (size) => sizes.push(size),
    onTrouble: (error) => troubles.push(error),
  });
  return { clock, fleet, sizes, troubles, presence };
}

/** Lets everything that waits for nothing but promises go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

async function pass(clock: HandClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100);
    await settle();
  }
}

describe('A process in the registry of the fleet', () => {
  test('is there once it has started, stays by beating, and goes in order', async () => {
    const { clock, fleet, presence } = setting();
    await presence.start();
    expect((await presence.members()).map(({ workerId }) => workerId)).toEqual(['worker-1']);
    await pass(clock, 60_000);
    expect(fleet.rows.get('worker-1')?.seenAt).toBeGreaterThan(clock.now() - 5_001);
    await presence.stop();
    expect(fleet.rows.size).toBe(0);
    const { beats } = fleet;
    await pass(clock, 20_000);
    expect(fleet.beats).toBe(beats);
  });

  test('tells how many there are, and again when that changes', async () => {
    const { clock, fleet, presence, sizes } = setting();
    await presence.start();
    fleet.put({ ...SELF, workerId: 'worker-2' }, 7_000);
    await pass(clock, 20_000);
    await presence.stop();
    expect(sizes).toEqual([1, 2, 1]);
  });

  test('stop before start, and twice, does nothing', async () => {
    const { fleet, presence } = setting();
    await presence.stop();
    await presence.stop();
    await presence.start();
    expect(fleet.beats).toBe(0);
  });

  test('starts although the registry does not answer, and is there as soon as it does', async () => {
    const { clock, fleet, presence, troubles } = setting();
    fleet.away = true;
    await presence.start();
    expect(troubles).toHaveLength(1);
    fleet.away = false;
    await pass(clock, 5_000);
    expect(fleet.rows.size).toBe(1);
    await presence.stop();
  });

  test('is refused, naming WORKER_ID, while another process lives under its name', async () => {
    const { clock, fleet, presence } = setting();
    const other = { ...SELF, incarnation: 'other', host: 'elsewhere', pid: 7 };
    fleet.put(other, 15_000);
    const refused = presence.start().then(
      () => null,
      (error: unknown) => error,
    );
    await pass(clock, 3_000);
    fleet.put(other, 15_000);
    await pass(clock, 1_000);
    const error = await refused;
    expect(error).toBeInstanceOf(SignalboxError);
    expect(String(error)).toMatch(/WORKER_ID worker-1 is taken by process 7 on elsewhere/);
  });

  test('waits for one that may be dead until its time has run out', async () => {
    const { clock, fleet, presence } = setting();
    fleet.put({ ...SELF, incarnation: 'killed', host: 'elsewhere' }, 15_000);
    const started = presence.start();
    await pass(clock, 16_000);
    await started;
    expect(fleet.rows.get('worker-1')?.incarnation).toBe('mine');
    await presence.stop();
  });

  test.each([
    ['whose id nobody has', { pid: spawnSync(process.execPath, ['-e', '']).pid }],
    ['that had our id before us, as in a restarted container', { startedAt: Date.now() - 86_400_000 }],
  ])('takes the place of a process of this machine %s at once', async (_which, change) => {
    const { fleet, presence } = setting();
    fleet.put({ ...SELF, incarnation: 'killed', ...change }, 15_000);
    await presence.start();
    expect(fleet.rows.get('worker-1')?.incarnation).toBe('mine');
    await presence.stop();
  });

  test('tells when its name is taken from it, and goes on', async () => {
    const { clock, fleet, presence, troubles } = setting();
    await presence.start();
    fleet.rows.clear();
    fleet.put({ ...SELF, incarnation: 'other' }, 8_000);
    await pass(clock, 5_000);
    expect(String(troubles[0])).toContain('WORKER_ID');
    await pass(clock, 10_000);
    expect(fleet.rows.get('worker-1')?.incarnation).toBe('mine');
    await presence.stop();
  });

  test('can be stopped while it waits', async () => {
    const { fleet, presence } = setting();
    fleet.put({ ...SELF, incarnation: 'other', host: 'elsewhere' }, 15_000);
    const started = presence.start();
    await settle();
    await presence.stop();
    await started;
    expect(fleet.rows.get('worker-1')?.incarnation).toBe('other');
  });
});
