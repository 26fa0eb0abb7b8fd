import type { DeliveryStatus } from '../../ports/record.js';
import type { Database, Statement } from './sqlite.js';

/**
 * How many deliveries are in each status, in the file beside them: counting would read them all. The moves of a
 * transaction are gathered and written once, at its end: a trigger for each row doubled the price of the row.
 */
export class Tally {
  readonly #add: Statement;
  /** From, to, from, to …; from null is a new delivery, to null one that is removed. */
  readonly #moves: (DeliveryStatus | null)[] = [];

  constructor(database: Database) {
    this.#add = database.prepare(
      'INSERT INTO tallies (status, deliveries) VALUES (?,?) ON CONFLICT DO UPDATE SET deliveries = deliveries + excluded.deliveries',
    );
  }

  move(from: DeliveryStatus | null, to: DeliveryStatus | null): void {
    if (from !== to) this.#moves.push(from, to);
  }

  /** A place to which {@link rewind} can go back when what came after it is rolled back. */
  mark(): number {
    return this.#moves.length;
  }

  rewind(mark: number): void {
    this.#moves.length = mark;
  }

  /** Writes the moves; to be called last in the transaction. */
  write(): void {
    if (this.#moves.length === 0) return;
    const changes = new Map<DeliveryStatus, number>();
    for (const [index, status] of this.#moves.entries()) {
      if (status !== null) changes.set(status, (changes.get(status) ?? 0) + (index % 2 === 0 ? -1 : 1));
    }
    for (const [status, change] of changes) if (change !== 0) this.#add.run(status, change);
  }
}
