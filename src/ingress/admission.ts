import { SignalboxError } from '../errors.js';
import type { Clock, Timer, Timers } from '../ports/clock.js';
import type { Backlog, RecordReader } from '../ports/reader.js';
import type { Fact } from '../ports/watch.js';

const SAMPLE_MS = 1000;
/** Longest Retry-After given, seconds. */
const RETRY_AFTER_MAX_S = 60;

interface Deps {
  readonly reader: Pick<RecordReader, 'backlog'>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Open records past which nothing more is accepted. */
  readonly maxBacklog: number;
  /** By how much a fact changes the backlog. Left out: that of records. */
  readonly weigh?: (fact: Fact) => number;
}

/** Keeps the backlog bounded: past its limit new work is refused, with a Retry-After from the rate at which it drains. */
export interface Admission {
  start(): void;
  stop(): void;
  /** Told of every fact, to know between samples what came and went. */
  count(fact: Fact): void;
  /** Nothing more is accepted from here on. */
  close(): void;
  /**
   * @param records how much is to be accepted at once; an empty backlog takes any one call
   * @throws SignalboxError `draining` or `backlog-full`
   */
  admit(records?: number): void;
}

export function createAdmission({ reader, clock, timers, maxBacklog, weigh = weighRecords }: Deps): Admission {
  let open = 0;
  /** Accepted here since the last sample. */
  let accepted = 0;
  let last: Backlog = { open: 0, oldestDueMs: 0 };
  let ratePerSecond = 0;
  let sampledAt = clock.monotonic();
  let timer: Timer | undefined;
  let running = false;
  let closed = false;

  const sample = async (): Promise<void> => {
    try {
      const backlog = await reader.backlog();
      // The same figures once more: what was counted here since is still to be added to them.
      if (backlog !== last) take(backlog);
    } catch {
      // The store does not answer: the last sample stands, and the accept itself will say so.
    }
    if (running) timer = timers.after(SAMPLE_MS, () => void sample());
  };

  /** Whoever drains it, here or elsewhere: so much is gone. What other processes accepted meanwhile makes it look slower. */
  const take = (backlog: Backlog): void => {
    const seconds = Math.max(0.001, (clock.monotonic() - sampledAt) / 1000);
    ratePerSecond = Math.max(0, last.open + accepted - backlog.open) / seconds;
    open = backlog.open;
    accepted = 0;
    last = backlog;
    sampledAt = clock.monotonic();
  };

  return {
    start() {
      if (running) return;
      running = true;
      void sample();
    },
    stop() {
      running = false;
      timer?.cancel();
    },
    count(fact) {
      const change = weigh(fact);
      accepted += Math.max(0, change);
      open = Math.max(0, open + change);
    },
    close() {
      closed = true;
    },
    admit(records = 1) {
      if (closed) throw new SignalboxError('draining', 'The server is shutting down; send it again', { retryAfterS: 1 });
      if (open + records <= maxBacklog || (open === 0 && maxBacklog > 0)) return;
      const retryAfterS = Math.min(RETRY_AFTER_MAX_S, Math.max(1, (open - maxBacklog + records) / Math.max(1, ratePerSecond)));
      throw new SignalboxError('backlog-full', `${open} records are open, the limit is ${maxBacklog}`, { retryAfterS });
    },
  };
}

function weighRecords(fact: Fact): number {
  if (fact.kind === 'accepted' && fact.outcome === 'created') return 1;
  return fact.kind === 'settled' && fact.record.dueAt === null ? -1 : 0;
}
