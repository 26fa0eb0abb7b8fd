import type { Growth, MemoryLook } from './growth.js';
import type { SoakWorkload } from './options.js';
import type { Errors } from './vitals.js';

/** One check: what was found since the one before. */
export interface SoakCheck {
  /** Seconds from the start. */
  readonly at: number;
  /** Those that answer and are well. */
  readonly processes: number;
  /** New ones that were offered since. */
  readonly offered: number;
  readonly lost: number;
  readonly doubled: number;
  /** Milliseconds, from when it was due to when it had arrived or was stored; null: nothing was sent. */
  readonly p95: number | null;
  readonly errors: Errors;
  /** The most that a process holds. */
  readonly rssMb: number | null;
  /** What is wrong, each in one sentence; empty: nothing. */
  readonly faults: readonly string[];
}

export interface SoakReport {
  /** ISO 8601. */
  readonly at: string;
  readonly command: string;
  readonly scenario: 'soak';
  readonly node: string;
  readonly machine: string;
  readonly target: { readonly url: string; readonly own: boolean; readonly kind: 'embedded' | 'cluster'; readonly processes: number };
  readonly workload: SoakWorkload;
  readonly rate: number;
  /** As asked for, and as it came. */
  readonly durationS: number;
  readonly lastedS: number;
  readonly everyS: number;
  readonly checks: readonly SoakCheck[];
  readonly memory: readonly { readonly workerId: string; readonly looks: readonly MemoryLook[]; readonly growth: Growth | null }[];
  readonly passed: boolean;
}

/** A check in a line. */
export function lineOf(check: SoakCheck, durationS: number): string {
  const { at, processes, offered, lost, doubled, p95, errors, rssMb, faults } = check;
  const work = p95 === null ? 'no traffic' : `${offered} offered, lost ${lost}, doubled ${doubled}, p95 ${p95.toFixed(0)} ms`;
  const seen = [
    `${processes} ${processes === 1 ? 'process' : 'processes'}`,
    work,
    `5xx ${errors.http5xx}, dead ${errors.deadLetters}, trouble ${errors.trouble}`,
    `RSS ${rssMb === null ? 'unknown' : `${rssMb.toFixed(0)} MB`}`,
  ];
  return `${faults.length === 0 ? 'ok    ' : 'FAILED'} ${clock(at)} of ${clock(durationS)}: ${[...seen, ...faults].join('; ')}`;
}

/** What is said at the end. */
export function summaryLines({ checks, memory, lastedS, durationS, passed }: SoakReport): readonly string[] {
  const growth = memory.map(({ workerId, growth: found }) => {
    if (found === null) return `memory of ${workerId}: too short to tell a trend (4 checks over 10 minutes, after the first third)`;
    const { fromMb, byMb, mbPerHour, grows } = found;
    return `memory of ${workerId}: ${fromMb.toFixed(0)} MB ${byMb < 0 ? '−' : '+'} ${Math.abs(byMb).toFixed(1)} MB (${mbPerHour.toFixed(1)} MB/h)${grows ? ': GROWS' : ''}`;
  });
  const failed = checks.filter(({ faults }) => faults.length > 0).length;
  const short = lastedS < durationS ? `, ended after ${clock(lastedS)} of ${clock(durationS)}` : '';
  return [...growth, `${checks.length} checks, ${failed} failed${short}`, passed ? 'PASSED' : 'FAILED'];
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
