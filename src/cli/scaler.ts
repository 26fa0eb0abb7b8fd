/** What is known of a fleet at one moment. */
export interface Reading {
  readonly workers: number;
  /** What waits for a worker: wake-ups in the queue and messages in the log. */
  readonly waiting: number;
  /** How much of what the workers can do they do: 0 to 1. */
  readonly use: number;
}

export interface ScalingPolicy {
  readonly min: number;
  readonly max: number;
  /** So much may wait for each worker. */
  readonly waitingPerWorker: number;
  /** As {@link Reading.use}, to be kept to. */
  readonly use: number;
  /** Workers go only when for so long fewer were enough. */
  readonly holdMs: number;
}

export interface Decision {
  readonly workers: number;
  /** For whoever reads the log. */
  readonly because: string;
}

/** Within so much of the wanted use nothing changes. This, the doubling and the hold are those of Kubernetes' HorizontalPodAutoscaler. */
const TOLERANCE = 0.1;
/** At a time as many again may come, or so many where that is more. */
const LEAST_STEP = 4;

/**
 * Decides how many workers a fleet is to have: enough for what waits and for what is done, at once where it is more, and only after a
 * quiet time where it is less, so that they do not come and go with every wave. Where nothing is known nothing changes.
 */
export class Scaler {
  readonly #policy: ScalingPolicy;
  /** What would have been enough, by the time it was seen. */
  #enough: { readonly atMs: number; readonly workers: number }[] = [];
  #knownSinceMs = 0;

  constructor(policy: ScalingPolicy) {
    this.#policy = policy;
  }

  /** @param nowMs of a clock that never goes back. Null: there is nothing to be said. */
  decide(reading: Reading | null, nowMs: number): Decision | null {
    if (reading === null) {
      // What went on meanwhile nobody knows: the quiet time begins anew.
      this.#enough = [];
      return null;
    }
    const { min, max, holdMs } = this.#policy;
    const { workers } = reading;
    const waiting = this.#forWaiting(reading);
    const use = this.#forUse(reading);
    const wanted = Math.min(max, Math.max(min, waiting, use));
    const because = `${reading.waiting} wait (enough: ${waiting}), ${Math.round(reading.use * 100)} % in use (enough: ${use})`;
    if (this.#enough.length === 0) this.#knownSinceMs = nowMs;
    this.#enough = [...this.#enough.filter(({ atMs }) => nowMs - atMs < holdMs), { atMs: nowMs, workers: wanted }];
    if (wanted > workers) return { workers: Math.min(wanted, Math.max(2 * workers, workers + LEAST_STEP)), because };
    // Beyond what is allowed is not a matter of load.
    if (workers > max) return { workers: max, because: `${because}; at most ${max} are allowed` };
    const most = Math.max(...this.#enough.map((seen) => seen.workers));
    if (most >= workers) return { workers, because };
    const held = nowMs - this.#knownSinceMs;
    if (held < holdMs) return { workers, because: `${because}; fewer when it stays so for ${Math.ceil((holdMs - held) / 1000)} s` };
    return { workers: most, because };
  }

  #forWaiting({ waiting }: Reading): number {
    return Math.ceil(waiting / this.#policy.waitingPerWorker);
  }

  #forUse({ workers, use }: Reading): number {
    const ratio = use / this.#policy.use;
    return Math.abs(ratio - 1) <= TOLERANCE ? workers : Math.ceil(workers * ratio);
  }
}
