import type { World } from './world.js';

export const TARGETS = ['embedded', 'cluster', 'compose'] as const;
export type TargetName = (typeof TARGETS)[number];

/** What a check has found to be as it should. */
export interface Finding {
  /** For a person: what was measured, with its numbers. */
  readonly seen: string;
  /** What the row wants besides, and what is not there or not measured here; a row that has it is met in part only. */
  readonly open?: string;
}

/** How one row is measured. */
export interface Check {
  readonly id: string;
  /** Where it can be measured; left out: everywhere. */
  readonly on?: readonly TargetName[];
  /** Why not elsewhere; one sentence for each target that `on` leaves out, or one for all. */
  readonly elsewhere?: string;
  /** Takes servers away or kills processes: done when all others are. */
  readonly disturbs?: boolean;
  /** Time limit; default {@link WITHIN_MS}. */
  readonly withinMs?: number;
  /** @throws Failure when what is seen is not what the row wants; Unmeasured when it cannot be told */
  readonly run: (world: World) => Promise<Finding | string>;
}

export const WITHIN_MS = 60_000;

/** The row is not met: what was expected, and what was seen. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly expected: string,
    readonly seen: string,
  ) {
    super(`expected ${expected}; saw ${seen}`);
  }
}

/** The row could not be measured this time; why, and what to do about it. */
export class Unmeasured extends Error {
  override readonly name = 'Unmeasured';
}

/** @throws Failure unless it holds */
export function hold(holds: boolean, expected: string, seen: unknown): asserts holds {
  if (!holds) throw new Failure(expected, show(seen));
}

/** @throws Failure unless both are the same, compared as JSON */
export function same(seen: unknown, expected: unknown, what: string): void {
  hold(show(seen) === show(expected), `${what} to be ${show(expected)}`, seen);
}

const SHOWN = 600;

function show(seen: unknown): string {
  const text = typeof seen === 'string' ? seen : (JSON.stringify(seen) ?? String(seen));
  return text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : text;
}
