import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Fleet, FleetMember } from '../../src/ports/fleet.js';

/** An empty registry under test. */
export interface FleetHarness {
  readonly fleet: Fleet;
  /** The store's clock, milliseconds since the epoch. */
  now(): number;
  /** Resolves when so many milliseconds have passed on it. */
  pass(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Long enough not to run out by itself on a slow machine, short enough to wait for. */
const LIVES_MS = 2000;

function member(workerId: string, change: Partial<FleetMember> = {}): FleetMember {
  return {
    workerId,
    incarnation: `${workerId} the first`,
    roles: ['worker', 'janitor'],
    host: 'example',
    pid: 4711,
    version: '1.2.3',
    port: 9091,
    startedAt: 1_700_000_000_000,
    state: 'running',
    holds: 3,
    processed: 10,
    failed: 1,
    connections: 4,
    ...change,
  };
}

/** What every `Fleet` promises. */
export function fleetContract(make: () => Promise<FleetHarness>): void {
  describe('Fleet', () => {
    let harness: FleetHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.dispose());
    const beat = (one: FleetMember): Promise<'ok' | 'taken'> => harness.fleet.beat(one, LIVES_MS);
    const names = async (): Promise<string[]> => (await harness.fleet.members()).map(({ incarnation }) => incarnation);

    test('whoever beats is a member, as it describes itself, and lives for so long', async () => {
      const before = harness.now();
      expect(await beat(member('worker-2'))).toBe('ok');
      expect(await beat(member('worker-1', { port: null, roles: [] }))).toBe('ok');
      const members = await harness.fleet.members();
      const times = { seenAt: expect.any(Number), livesUntil: expect.any(Number) };
      expect(members).toEqual([
        { ...member('worker-1', { port: null, roles: [] }), ...times },
        { ...member('worker-2'), ...times },
      ]);
      for (const { seenAt, livesUntil } of members) {
        expect(seenAt).toBeGreaterThanOrEqual(before);
        expect(livesUntil).toBe(seenAt + LIVES_MS);
      }
    });

    test('every beat says how things are now', async () => {
      await beat(member('worker-1'));
      const now = member('worker-1', { state: 'draining', holds: 0, processed: 12 });
      expect(await beat(now)).toBe('ok');
      expect(await harness.fleet.members()).toEqual([expect.objectContaining({ ...now })]);
    });

    test('text that means something to a store is text', async () => {
      const strange = member('$worker.1', { incarnation: '$$ROOT', host: '$host', roles: ['$$NOW'] });
      expect(await beat(strange)).toBe('ok');
      expect(await beat(strange)).toBe('ok');
      expect(await harness.fleet.members()).toEqual([expect.objectContaining({ ...strange })]);
    });

    test('a name that somebody lives under is taken, and nothing changes', async () => {
      await beat(member('worker-1'));
      expect(await beat(member('worker-1', { incarnation: 'another', host: 'elsewhere' }))).toBe('taken');
      expect(await harness.fleet.members()).toEqual([expect.objectContaining({ ...member('worker-1') })]);
    });

    test('of many who come under one name at once a single one lives', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => beat(member('worker-1', { incarnation: `number ${n}` }))));
      expect(answers.filter((answer) => answer === 'ok')).toHaveLength(1);
      expect(await names()).toEqual([`number ${answers.indexOf('ok')}`]);
    });

    test('one who falls silent is gone when its time has run out, and its name is free', async () => {
      await beat(member('worker-1'));
      await harness.pass(LIVES_MS + 1);
      expect(await names()).toEqual([]);
      expect(await beat(member('worker-1', { incarnation: 'the next' }))).toBe('ok');
      expect(await beat(member('worker-1'))).toBe('taken');
      expect(await names()).toEqual(['the next']);
    });

    test('one who falls silent is lost until somebody has its place; one who leaves is not', async () => {
      const lost = async (): Promise<string[]> => (await harness.fleet.lost()).map(({ workerId }) => workerId);
      await beat(member('worker-1'));
      await beat(member('worker-2'));
      await beat(member('worker-3'));
      expect(await lost()).toEqual([]);
      await harness.fleet.leave('worker-2', 'worker-2 the first');
      await harness.pass(LIVES_MS + 1);
      expect(await lost()).toEqual(['worker-1', 'worker-3']);
      await beat(member('worker-1', { incarnation: 'the next' }));
      expect(await lost()).toEqual(['worker-3']);
    });

    test('one who leaves is gone at once, and nobody else with it', async () => {
      await beat(member('worker-1'));
      await beat(member('worker-2'));
      await harness.fleet.leave('worker-1', 'somebody else');
      await harness.fleet.leave('worker-3', 'nobody');
      expect(await names()).toEqual(['worker-1 the first', 'worker-2 the first']);
      await harness.fleet.leave('worker-1', 'worker-1 the first');
      expect(await names()).toEqual(['worker-2 the first']);
      expect(await beat(member('worker-1', { incarnation: 'the next' }))).toBe('ok');
    });
  });
}
