import type { Check, FleetUse, Histogram, Look } from '../result.js';
import type { Summary } from '../stats.js';
import type { Audit } from './audit.js';
import type { Phase } from './options.js';

/** What a run came to. Times are milliseconds, rates are per second. */
export interface MessageFigures {
  readonly offered: number;
  readonly accepted: number;
  readonly refused: number;
  /** Of those accepted, sent a second time. */
  readonly repeats: number;
  /** Messages that were due. */
  readonly offeredPerSecond: number;
  /** Went into the log, by the counters of the processes, while the load ran. Null: not every process tells. */
  readonly enqueued: number | null;
  readonly enqueuedPerSecond: number | null;
  /** From the intended send time to the answer. */
  readonly http: Summary;
  /** From accept to stored, by the server's clocks. */
  readonly stored: Summary;
  /** Messages that no consumer had been given yet, of one partition: the most that was seen. */
  readonly lag: number;
  /** From the last answer until everything was stored. */
  readonly drainMs: number;
  readonly deadLetters: number;
  readonly audit: Readonly<Record<keyof Audit, number>>;
  /** The same by phase, where there are several. */
  readonly phases: readonly PhaseFigures[];
}

export interface PhaseFigures extends Phase {
  readonly offered: number;
  readonly accepted: number;
  readonly http: Summary;
  readonly stored: Summary;
}

/** One second of the run, by the intended send time; null: nothing to say. */
export interface MessageSecond {
  readonly offered: number;
  readonly accepted: number;
  readonly stored: number;
  readonly errors: number;
  readonly httpP95: number | null;
  readonly storedP95: number | null;
}

/** What lay in the log at one moment. */
export interface LogLook {
  readonly at: number;
  /** Of one partition, the most. */
  readonly lag: number;
  /** Of all partitions: not handed out, handed out, parked. */
  readonly waiting: number;
  readonly pending: number;
  readonly parked: number;
}

/** A run as the history keeps it: one line. */
export interface MessageEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly command: string;
  readonly scenario: 'messages';
  readonly node: string;
  readonly machine: string;
  readonly target: {
    readonly url: string;
    readonly own: boolean;
    readonly kind: FleetUse['kind'];
    readonly apis: number;
    readonly workers: number;
  };
  readonly load: {
    readonly phases: readonly Phase[];
    readonly conversations: number;
    readonly duplicatesPercent: number;
    readonly path: string;
  };
  readonly figures: MessageFigures;
  readonly fleet: FleetUse;
  readonly checks: readonly Check[];
  readonly passed: boolean;
}

/** A run with everything that its report shows. `at` of the looks: seconds from the start. */
export interface MessageResult extends MessageEntry {
  readonly seconds: readonly MessageSecond[];
  readonly histogram: Histogram;
  readonly log: readonly LogLook[];
  readonly looks: readonly Look[];
  /** Some of what is wrong with what was stored. */
  readonly examples: Readonly<Record<keyof Audit, readonly string[]>>;
}
