import { type Check, Failure, type TargetName, Unmeasured, WITHIN_MS } from './check.js';
import { Evidence, keep } from './evidence.js';
import type { Row } from './rows.js';
import type { Site } from './site.js';
import { type Means, World } from './world.js';

/**
 * - `passed`: measured, and as the row wants it.
 * - `in part`: what could be measured is right; `open` says what the row wants besides.
 * - `failed`: measured, and not so.
 * - `not applicable`: this target has no such thing; `why`.
 * - `not checked`: nobody has measured it; `why`.
 */
export type Outcome = 'passed' | 'in part' | 'failed' | 'not applicable' | 'not checked';

export interface Verdict extends Row {
  readonly outcome: Outcome;
  readonly seen?: string;
  readonly open?: string;
  readonly expected?: string;
  readonly why?: string;
  readonly tookMs?: number;
  /** The file with what was sent and what came back. */
  readonly evidence?: string;
}

export interface Judging {
  readonly checks: readonly Check[];
  /** Why a row has no check yet. */
  readonly reasonFor: (row: Row) => string;
  readonly site: Site;
  readonly means: Means;
  /** Where evidence goes. */
  readonly directory: string;
  readonly tell: (verdict: Verdict) => void;
}

/**
 * Judges these rows, one after the other, and gives the verdicts in their order: what one check does to the site must not
 * touch another, so those that take something away come last.
 */
export async function judge(rows: readonly Row[], judging: Judging): Promise<readonly Verdict[]> {
  const disturbs = ({ id }: Row): boolean => judging.checks.some((check) => check.id === id && check.disturbs === true);
  const verdicts = new Map<string, Verdict>();
  for (const row of [...rows.filter((row) => !disturbs(row)), ...rows.filter(disturbs)]) {
    const verdict = await judgeRow(row, judging);
    judging.tell(verdict);
    verdicts.set(row.id, verdict);
  }
  return rows.flatMap(({ id }) => verdicts.get(id) ?? []);
}

async function judgeRow(row: Row, judging: Judging): Promise<Verdict> {
  const check = judging.checks.find(({ id }) => id === row.id);
  if (check === undefined) return { ...row, outcome: 'not checked', why: judging.reasonFor(row) };
  const why = notOn(check, judging.site.target);
  return why === null ? measure(row, check, judging) : { ...row, outcome: 'not applicable', why };
}

/** Why the check is not for this target; null: it is. */
export function notOn({ on, elsewhere }: Check, target: TargetName): string | null {
  if (on === undefined || on.includes(target)) return null;
  return elsewhere ?? `measured with --target ${on.join(' or ')}`;
}

async function measure(row: Row, check: Check, { site, means, directory }: Judging): Promise<Verdict> {
  const evidence = new Evidence();
  const world = new World(site, means, evidence);
  const startedAt = performance.now();
  const withinMs = (check.withinMs ?? WITHIN_MS) * means.patience;
  const said = await inTime(check.run(world), withinMs).catch(failed);
  await world.end();
  const verdict = { ...row, ...said, tookMs: Math.round(performance.now() - startedAt) };
  return { ...verdict, evidence: keep(directory, row.id, { ...verdict, exchanges: evidence.exchanges }) };
}

type Said = Pick<Verdict, 'outcome' | 'seen' | 'open' | 'expected' | 'why'>;

async function inTime(run: ReturnType<Check['run']>, withinMs: number): Promise<Said> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_fulfil, reject) => {
    timer = setTimeout(() => reject(new Failure(`an end within ${Math.round(withinMs / 1000)} s`, 'it still ran')), withinMs);
  });
  try {
    const found = await Promise.race([run, late]);
    if (typeof found === 'string') return { outcome: 'passed', seen: found };
    return found.open === undefined ? { outcome: 'passed', seen: found.seen } : { outcome: 'in part', ...found };
  } finally {
    clearTimeout(timer);
  }
}

/** Whatever a check stumbles over is no proof that the row is met. */
function failed(error: unknown): Said {
  if (error instanceof Unmeasured) return { outcome: 'not checked', why: error.message };
  if (error instanceof Failure) return { outcome: 'failed', expected: error.expected, seen: error.seen };
  return { outcome: 'failed', expected: 'answers of the expected form', seen: error instanceof Error ? error.message : String(error) };
}
