import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Duties } from '../../src/ports/duties.js';

/** Duties that nobody holds, under test. */
export interface DutiesHarness {
  readonly duties: Duties;
  /** Resolves when so many milliseconds have passed on the store's clock. */
  pass(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Long enough not to run out by itself on a slow machine, short enough to wait for. */
const LEASE_MS = 2000;

/** What every `Duties` promises. */
export function dutiesContract(make: () => Promise<DutiesHarness>): void {
  describe('Duties', () => {
    let harness: DutiesHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.dispose());
    const hold = (holder: string, duty = 'sweeper', leaseMs = LEASE_MS): Promise<boolean> => harness.duties.hold(duty, holder, leaseMs);
    const held = async (): Promise<string[]> => (await harness.duties.held()).map(({ duty, holder }) => `${duty}: ${holder}`).sort();

    test('a duty is held by the first who asks, and kept; others are refused', async () => {
      expect(await hold('a')).toBe(true);
      expect(await hold('b')).toBe(false);
      expect(await hold('a')).toBe(true);
      expect(await held()).toEqual(['sweeper: a']);
    });

    test('of many who ask at once one gets it', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => hold(`worker-${n}`)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      const [holder] = await harness.duties.held();
      expect(holder?.holder).toBe(`worker-${answers.indexOf(true)}`);
    });

    test('duties have nothing to do with each other', async () => {
      expect(await hold('a')).toBe(true);
      expect(await hold('b', 'janitor')).toBe(true);
      expect(await held()).toEqual(['janitor: b', 'sweeper: a']);
    });

    test('what is given up is free at once; what is another’s, or nobody’s, cannot be given up', async () => {
      await hold('a');
      await harness.duties.giveUp('sweeper', 'b');
      await harness.duties.giveUp('janitor', 'b');
      expect(await hold('b')).toBe(false);
      await harness.duties.giveUp('sweeper', 'a');
      expect(await held()).toEqual([]);
      expect(await hold('b')).toBe(true);
    });

    test('a holder who falls silent is replaced when its time has run out, and not its own master any more', async () => {
      await hold('a');
      await harness.pass(LEASE_MS + 1);
      expect(await held()).toEqual([]);
      expect(await hold('b')).toBe(true);
      expect(await hold('a')).toBe(false);
    });

    test('keeping a duty puts off its end', async () => {
      await hold('a');
      const [before] = await harness.duties.held();
      await harness.pass(20);
      await hold('a');
      const [after] = await harness.duties.held();
      expect(after?.until).toBeGreaterThanOrEqual((before?.until ?? Number.POSITIVE_INFINITY) + 20);
    });
  });
}
