import type { Rng } from './rng.js';

/** Something that will happen, and may still be called off. */
export interface Scheduled {
  cancelled: boolean;
  readonly at: number;
}

interface Entry extends Scheduled {
  readonly order: number;
  readonly run: () => void;
}

/** A promise that the simulation broke off with; what it means to the rule is in `kind`. */
export interface StepViolation {
  readonly kind: string;
  readonly at: number;
  readonly detail: string;
}

/**
 * Virtual time. Every reply, timer and fault is an event; the next one is taken, applied, and everything that code
 * under test does in answer runs to its end before the one after. Nothing else moves, so one seed is one schedule.
 */
export class World {
  now = 0;
  steps = 0;
  readonly violations: StepViolation[] = [];
  readonly traceLines: string[] = [];
  private heap: Entry[] = [];
  private order = 0;
  /** Set when code under test was touched: only then there are promises to run out. */
  private touched = false;

  constructor(
    readonly rng: Rng,
    private readonly tracing: boolean,
    /** Nothing more happens once a rule is broken. */
    private readonly hasty = false,
  ) {}

  in(delay: number, run: () => void): Scheduled {
    this.order += 1;
    const entry: Entry = { at: this.now + Math.max(0, delay), order: this.order, run, cancelled: false };
    this.push(entry);
    return entry;
  }

  /** Code under test was called, or a promise of it settled. */
  touch(): void {
    this.touched = true;
  }

  /** Events that are still to come. */
  get waiting(): number {
    return this.heap.reduce((count, { cancelled }) => count + Number(!cancelled), 0);
  }

  trace(line: () => string): void {
    if (this.tracing) this.traceLines.push(`${String(Math.round(this.now)).padStart(7)} ${line()}`);
  }

  violate(kind: string, detail: string): void {
    this.violations.push({ kind, at: this.now, detail });
    this.trace(() => `VIOLATION ${kind}: ${detail}`);
  }

  /** Runs until `enough` says so, nothing is left to happen, or a bound is met. */
  async run(enough: () => boolean, bounds: { readonly steps: number; readonly until: number }): Promise<void> {
    await settled();
    while (!enough() && !(this.hasty && this.violations.length > 0)) {
      const next = this.heap[0];
      if (next === undefined || this.steps >= bounds.steps || next.at > bounds.until) return;
      this.pop();
      if (next.cancelled) continue;
      this.steps += 1;
      this.now = next.at;
      next.run();
      if (!this.touched) continue;
      this.touched = false;
      await settled();
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry;
      if (!before(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!before(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** All promises that can go on have gone on: they run before the event loop's next turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
