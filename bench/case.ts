/** What a runner may ask of a case, from the command line. */
export interface CaseOptions {
  readonly rounds: number;
  /** Items per contestant and round; null: the case's own choice. */
  readonly items: number | null;
  /** Directory for V8 CPU profiles of the contestants' processes; null: none. */
  readonly profileDir: string | null;
  /** Tells a person what is being done just now. */
  readonly progress: (line: string) => void;
}

/** One contestant in one round. */
export interface Sample {
  readonly contestant: string;
  /** From 1. */
  readonly round: number;
  /** Named figures, e.g. `per second`, `CPU µs/item`. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A ratio (or a size) that the platform is held to: the median of the rounds. */
export interface Finding {
  readonly name: string;
  readonly rounds: readonly number[];
  readonly median: number;
  readonly unit: '%' | '×' | 'MiB';
  /** What it is held to; null: printed for the reader alone. */
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | null;
}

export interface CaseResult {
  readonly name: string;
  readonly items: number;
  readonly samples: readonly Sample[];
  readonly findings: readonly Finding[];
  /** Sentences that belong to the figures, e.g. what was checked. */
  readonly notes: readonly string[];
}

/** One comparison: ours and its baseline in rotation, in one run. */
export interface Case {
  readonly name: string;
  readonly summary: string;
  /** Rejects with {@link Inexact} when an item was lost or doubled: such a run scores nothing. */
  run(options: CaseOptions): Promise<CaseResult>;
}

/** An item was lost or doubled. */
export class Inexact extends Error {
  override readonly name = 'Inexact';
}

/** The middle value; the mean of the two in the middle of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function finding(name: string, unit: Finding['unit'], rounds: readonly number[], target: Finding['target'] = null): Finding {
  return { name, unit, rounds, median: median(rounds), target };
}

/** Null where nothing is asked. */
export function isMet({ median: value, target }: Finding): boolean | null {
  if (target === null) return null;
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

/** Rounds 1 … n; who goes first changes from round to round, so that neither always has the warmer machine. */
export async function rotate(rounds: number, contestants: readonly ((round: number) => Promise<void>)[]): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    for (let place = 0; place < contestants.length; place += 1) await contestants[(place + round - 1) % contestants.length]?.(round);
  }
}

/** One figure of one contestant, round by round. */
export function figuresOf(samples: readonly Sample[], contestant: string, figure: string): readonly number[] {
  const mine = samples.filter((sample) => sample.contestant === contestant).sort((a, b) => a.round - b.round);
  return mine.map((sample) => sample.figures[figure] ?? Number.NaN);
}
