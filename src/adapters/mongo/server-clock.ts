import type { Clock } from '../../ports/clock.js';
import type { DatabaseConnectionPool } from './pool.js';

/** Within this time the two clocks cannot have drifted apart by much. */
const GOOD_FOR_MS = 10_000;

/**
 * The server's clock as it can be known here: a reading of it and the time that has passed since that arrived. It is
 * behind by as long as the reply was on its way, and never ahead: what is due by it is due by the server's.
 */
export class ServerClock {
  readonly #pool: DatabaseConnectionPool;
  readonly #clock: Clock;
  /** The server's time less our monotonic time. */
  #offset = 0;
  #readAt = Number.NEGATIVE_INFINITY;

  /** @param clock only its monotonic time is used */
  constructor(pool: DatabaseConnectionPool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** Whole milliseconds since the epoch. Asks the server only where the last reading is too old. */
  now(): number | Promise<number> {
    return this.#clock.monotonic() - this.#readAt < GOOD_FOR_MS ? this.#estimate() : this.read();
  }

  /** Asks the server. */
  async read(): Promise<number> {
    const { localTime } = await this.#pool.run((database) => database.admin().command({ hello: 1 }));
    this.observe((localTime as Date).getTime());
    return this.#estimate();
  }

  /** The server's time as it came in a reply just now. */
  observe(serverTime: number): void {
    this.#readAt = this.#clock.monotonic();
    this.#offset = serverTime - this.#readAt;
  }

  #estimate(): number {
    return Math.floor(this.#clock.monotonic() + this.#offset);
  }
}
