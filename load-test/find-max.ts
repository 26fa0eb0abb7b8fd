import type { Options } from './options.js';
import { columns, ms, per } from './print.js';
import type { Result } from './result.js';
import type { Setup } from './setup.js';
import { measure } from './steady.js';

/** Seconds of one step, and of the last one, which confirms. */
const STEP_S = 15;
const CONFIRM_S = 20;
const P99_MS = 500;
/** Of what was offered. */
const RATE_SHARE = 0.95;
/** How near the highest that held and the lowest that did not must come. */
const NEAR = 1.1;
const STEPS_MOST = 20;
const CONFIRMS_MOST = 5;
const RATE_MOST = 20_000;
const RATE_LEAST = 1;

/**
 * The highest rate that holds: doubles until one does not (halves where already the first does not), then tries the
 * geometric middle until the two are near. Null: none does. Bounded.
 */
export async function highestRate(from: number, holds: (rate: number) => Promise<boolean>): Promise<number | null> {
  let good: number | null = null;
  let bad: number | null = null;
  let rate = from;
  for (let step = 0; step < STEPS_MOST; step += 1) {
    if (await holds(rate)) good = rate;
    else bad = rate;
    if (bad === null) rate *= 2;
    else if (good === null) rate = bad / 2;
    else if (bad / good <= NEAR) break;
    else rate = Math.sqrt(good * bad);
    rate = rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10;
    if (rate > RATE_MOST || rate < RATE_LEAST) break;
  }
  return good;
}

/** Whether what was offered came through in time, nothing lost, doubled or refused. */
export function held({ figures }: Pick<Result, 'figures'>): boolean {
  const { latency, offeredPerSecond, acceptedPerSecond, deliveredPerSecond, duplicates, lost, errorRate, violations } = figures;
  const enough = Math.min(acceptedPerSecond, deliveredPerSecond) >= RATE_SHARE * offeredPerSecond;
  return enough && latency.p99 < P99_MS && duplicates === 0 && lost === 0 && errorRate === 0 && Object.keys(violations).length === 0;
}

interface Step {
  readonly rate: number;
  readonly held: boolean;
  readonly result: Result;
}

function row({ rate, held: ok, result: { figures } }: Step): readonly string[] {
  const { latency, duplicates, lost, offered, accepted } = figures;
  const rates = [figures.acceptedPerSecond, figures.deliveredPerSecond].map(per);
  const wrong = [offered - accepted, duplicates, lost].map(String);
  return [`${per(rate)} /s`, ...rates, ms(latency.p50), ms(latency.p95), ms(latency.p99), ...wrong, ok ? 'held' : 'not'];
}

const HEAD = ['offered', 'accepted /s', 'delivered /s', 'p50', 'p95', 'p99 ms', 'errors', 'duplicates', 'lost', ''];

/**
 * The highest rate that this machine, generator and receiver included, sustains. Gives back the step that confirmed it;
 * null where no rate held.
 */
export async function runFindMax(setup: Setup, options: Options, command: string, say: (line: string) => void): Promise<Result | null> {
  const steps: Step[] = [];
  const attempt = async (rate: number, duration: number): Promise<Step> => {
    const result = await measure(setup, { ...options, rate, duration }, command, say);
    const step: Step = { rate, held: held(result), result };
    steps.push(step);
    say(`${columns([HEAD, row(step)])}\n`);
    return step;
  };
  // One bad moment of the machine is not its limit: a rate must miss twice.
  const holds = async (rate: number): Promise<boolean> => (await attempt(rate, STEP_S)).held || (await attempt(rate, STEP_S)).held;
  let rate = await highestRate(options.rate, holds);
  // What held once for a short time may have been lucky.
  let last: Step | null = null;
  for (let n = 0; n < CONFIRMS_MOST && rate !== null && rate >= RATE_LEAST; n += 1) {
    last = await attempt(rate, CONFIRM_S);
    if (last.held) break;
    rate = Math.floor(rate / NEAR);
  }
  say(columns([HEAD, ...steps.map(row)]));
  const found = last?.held === true ? last : null;
  say(
    found === null
      ? '\nno rate held'
      : `\nhighest rate with p99 < ${P99_MS} ms: ${per(found.rate)} /s (p99 ${ms(found.result.figures.latency.p99)} ms over ${CONFIRM_S} s, load generator and receiver on the same machine)`,
  );
  return found?.result ?? null;
}
