import type { Balance, Violation } from '../tools/ledger/entry.js';
import type { Baselines } from './baselines.js';
import type { Summary } from './stats.js';

/** One objective and whether it was met. */
export interface Check {
  readonly name: string;
  readonly unit: '/s' | 'ms' | 'share' | 'number' | '%' | 'MB';
  readonly value: number;
  readonly limit: string;
  readonly met: boolean;
}

/** What a run came to. Times are milliseconds, rates are per second. */
export interface Figures {
  /** Should have been sent. */
  readonly offered: number;
  readonly accepted: number;
  /** Arrived at a receiver at least once. */
  readonly delivered: number;
  readonly offeredPerSecond: number;
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  /** Requests that were not accepted, by what went wrong. */
  readonly errors: Readonly<Record<string, number>>;
  /** Not accepted, or accepted and not delivered; of what was offered. */
  readonly errorRate: number;
  /** From the intended send time to the arrival. */
  readonly latency: Summary;
  readonly stages: Readonly<Record<string, Summary>>;
  readonly repeats: { readonly sent: number; readonly recognised: number };
  /** Effects beyond the first of an operation, absorbed by a receiver or not. */
  readonly duplicates: number;
  /** Accepted, and neither arrived nor accounted for. */
  readonly lost: number;
  readonly balance: Balance;
  readonly violations: Readonly<Record<string, number>>;
}

/** One second of the run. Null: nothing to say. */
export interface Second {
  readonly offered: number;
  readonly accepted: number;
  readonly delivered: number;
  readonly errors: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface Histogram {
  /** Upper bounds; the last count is of what is beyond. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** What the server said of itself at one moment; of a fleet, all processes together. */
export interface Look {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly open: number;
  readonly waiting: number;
  readonly taken: number;
  /** Of one core. */
  readonly cpuPercent: number;
  readonly rssMiB: number;
}

/** What one process used during the run. Null: it did not say. */
export interface MemberUse {
  readonly workerId: string;
  readonly roles: readonly string[];
  /** Of one core, the average. */
  readonly cpuPercent: number | null;
  /** Resident, the most that was seen; millions of bytes. */
  readonly memoryMb: number | null;
  readonly delivered: number | null;
  /** To the store, the most that was seen. */
  readonly connections: number | null;
}

/** What all processes used. */
export interface FleetUse {
  readonly kind: 'embedded' | 'cluster';
  readonly members: readonly MemberUse[];
  /** Wake-ups waiting, the most that was seen. */
  readonly queueDepth: number | null;
  /** To the store, of all processes at one time, the most that was seen. */
  readonly connections: number;
}

/** A run as the history keeps it: one line. */
export interface HistoryEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly command: string;
  /** `find-max`: the last step, at the highest rate that held. */
  readonly scenario: 'steady' | 'find-max';
  readonly node: string;
  readonly machine: string;
  readonly target: {
    readonly url: string;
    readonly own: boolean;
    readonly receiver: string;
    readonly kind: 'embedded' | 'cluster';
    /** Processes by role; one with the embedded store is both. */
    readonly apis: number;
    readonly workers: number;
  };
  readonly load: {
    readonly duration: number;
    readonly rate: number;
    readonly users: number;
    readonly channels: readonly string[];
    readonly arrivals: string;
  };
  readonly figures: Figures;
  readonly fleet: FleetUse;
  readonly baselines: Baselines | null;
  readonly checks: readonly Check[];
  readonly passed: boolean;
}

/** A run with everything that its report shows. */
export interface Result extends HistoryEntry {
  readonly seconds: readonly Second[];
  readonly histogram: Histogram;
  /** `at` in seconds from the start. */
  readonly looks: readonly Look[];
  readonly shownViolations: readonly Violation[];
}
