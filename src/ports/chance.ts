/** Randomness for jitter. */
export interface Chance {
  /** Uniform in [0, 1). */
  next(): number;
}

/** New ids. */
export interface Ids {
  /** A UUIDv7 or better: unique, and rising with time. */
  next(): string;
}
