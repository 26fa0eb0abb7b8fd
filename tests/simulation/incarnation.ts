import { type ErrorCode, SignalboxError } from '../../src/errors.js';
import type { Clock, Timer, Timers } from '../../src/ports/clock.js';
import { type Fate, type FaultCounts, type FaultRates, fateOf } from './faults.js';
import type { World } from './world.js';

/** Every client of a store or a broker gives up on a call after this long. */
export const COMMAND_TIMEOUT_MS = 1000;

/** What all processes share. */
export interface Setting {
  readonly world: World;
  readonly leaseMs: number;
  /** Changes when the faulty phase ends. */
  rates: FaultRates;
  readonly counts: FaultCounts;
  /** Called when a process dies by a fault, to bring it back later. */
  onCrash(incarnation: Incarnation): void;
}

/** A call as it leaves a process. */
interface Call<T> {
  readonly what: string;
  readonly apply: () => T;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  readonly error: () => unknown;
}

/**
 * One life of one process. A crash ends it: whatever it still awaits never comes, and the next life starts with empty
 * memory. While it is stopped nothing of it runs, though its monotonic clock does.
 */
export class Incarnation {
  dead = false;
  /** Stopped until then (SIGSTOP). */
  pausedUntil = 0;
  /** When it was last stopped; what it did between two looks at its clocks may be that old. */
  lastPausedAt = Number.NEGATIVE_INFINITY;
  /** No call gets through to the store until then. */
  cutOffUntil = 0;
  private backlog: (() => void)[] = [];

  constructor(
    readonly setting: Setting,
    readonly name: string,
    /** How far this process's wall clock is off. */
    public skew: number,
    private readonly bootedAt: number,
  ) {}

  get paused(): boolean {
    return this.pausedUntil > this.setting.world.now;
  }

  readonly clock: Clock = {
    now: () => EPOCH + Math.floor(this.setting.world.now) + this.skew,
    monotonic: () => this.setting.world.now - this.bootedAt,
  };

  readonly timers: Timers = {
    after: (delayMs, fire): Timer => {
      const { world } = this.setting;
      const scheduled = world.in(delayMs, () => this.enter(fire, () => scheduled.cancelled));
      return {
        cancel: () => {
          scheduled.cancelled = true;
        },
      };
    },
  };

  /** Runs code of this process: now, when it goes on again, or never. */
  enter(run: () => void, calledOff: () => boolean = () => false): void {
    if (this.dead || calledOff()) return;
    if (this.paused) {
      this.backlog.push(() => this.enter(run, calledOff));
      return;
    }
    this.setting.world.touch();
    run();
  }

  crash(why: string): void {
    if (this.dead) return;
    this.dead = true;
    this.backlog = [];
    this.setting.counts.crashes += 1;
    this.setting.world.trace(() => `${this.name} dies: ${why}`);
    this.setting.onCrash(this);
  }

  pause(ms: number): void {
    const { world } = this.setting;
    if (this.dead || this.paused) return;
    this.pausedUntil = world.now + ms;
    this.lastPausedAt = world.now;
    this.setting.counts.pauses += 1;
    world.trace(() => `${this.name} is stopped for ${ms} ms`);
    world.in(ms, () => {
      world.trace(() => `${this.name} goes on`);
      const late = this.backlog;
      this.backlog = [];
      // What came in meanwhile and what was due meanwhile is looked at in any order.
      for (const run of late) world.in(world.rng.between(0, 2), run);
    });
  }

  /**
   * Sends a call out of this process. `apply` is what the other side does, all at once; the seed decides whether and
   * when it does, and whether the answer gets back.
   */
  call<T>(what: string, code: ErrorCode, apply: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const error = (): unknown => new SignalboxError(code, `simulated: ${what}`);
      this.dispatch({ what, apply, resolve, reject, error });
    });
  }

  private dispatch<T>(call: Call<T>): void {
    if (this.dead) return;
    const { world, rates } = this.setting;
    const fate: Fate = this.cutOffUntil > world.now ? 'lost-request' : fateOf(world.rng, rates);
    if (fate !== 'well') world.trace(() => `${this.name} ${call.what}: ${fate}`);
    switch (fate) {
      case 'crash-before':
        this.crash(`before ${call.what}`);
        return;
      case 'pause': {
        const ms = world.rng.between(100, 3 * this.setting.leaseMs);
        // Half of the calls had left when the process was stopped, the others leave when it goes on.
        if (world.rng.happens(0.5)) this.travel(call, 'well');
        else this.enterLater(() => this.travel(call, 'well'));
        this.pause(ms);
        return;
      }
      default:
        this.travel(call, fate);
    }
  }

  /** At the process's next own moment, which is after the pause that is about to begin. */
  private enterLater(run: () => void): void {
    this.setting.world.in(1, () => this.enter(run));
  }

  private travel<T>(call: Call<T>, fate: Fate): void {
    const { world, counts } = this.setting;
    const there = fate === 'slow' ? world.rng.between(20, COMMAND_TIMEOUT_MS / 2) : world.rng.between(1, 8);
    const back = fate === 'slow' ? world.rng.between(20, COMMAND_TIMEOUT_MS / 2) : world.rng.between(1, 8);
    const fails = world.rng.happens(0.5) ? there : COMMAND_TIMEOUT_MS;
    switch (fate) {
      case 'lost-request':
        counts.lostRequests += 1;
        world.in(fails, () => this.enter(() => call.reject(call.error())));
        return;
      case 'late':
        counts.late += 1;
        world.in(COMMAND_TIMEOUT_MS, () => this.enter(() => call.reject(call.error())));
        world.in(COMMAND_TIMEOUT_MS + world.rng.between(1, this.setting.leaseMs), () => this.apply(call));
        return;
      default:
        world.in(there, () => {
          const reply = this.apply(call);
          if (fate === 'crash-after') this.crash(`after ${call.what}`);
          else if (fate === 'lost-reply') {
            counts.lostReplies += 1;
            world.in(fails, () => this.enter(() => call.reject(call.error())));
          } else world.in(back, () => this.enter(reply));
        });
    }
  }

  /** The other side acts, whether or not the caller still lives. Gives what is to be told to the caller. */
  private apply<T>(call: Call<T>): () => void {
    this.setting.world.trace(() => `${this.name} ${call.what}`);
    try {
      const value = call.apply();
      return () => call.resolve(value);
    } catch (error) {
      return () => call.reject(error);
    }
  }
}

/**
 * When the simulated world begins: any fixed instant, far from 0 so that a forgotten default shows, and ten seconds before
 * a minute of everybody's clocks begins, so that quiet hours begin and end while things happen.
 */
export const EPOCH = Date.UTC(2029, 11, 31, 23, 59, 50);
