import { SignalboxError } from '../../errors.js';
import type { Delivery, DeliveryStatus, LedgerEntry, RecordEvent } from '../../ports/record.js';
import { type Database, isConstraint, type Statement } from './sqlite.js';
import type { Tally } from './tally.js';

/** What a write leaves behind besides the record's own row: its deliveries, its ledger lines, its events. */
export class Appends {
  readonly #tally: Tally;
  readonly #insertDelivery: Statement;
  readonly #statusOf: Statement;
  readonly #updateDelivery: Statement;
  readonly #insertLedger: Statement;
  readonly #insertEvents: Statement;

  constructor(database: Database, tally: Tally) {
    this.#tally = tally;
    this.#insertDelivery = database.prepare(
      'INSERT INTO deliveries (record, channel, recipient, place, tenant, id, status, settled_at, body) VALUES (?,?,?,?,?,?,?,?,?)',
    );
    this.#statusOf = database.prepare('SELECT status FROM deliveries WHERE record = ? AND channel = ? AND recipient = ? AND id = ?');
    this.#updateDelivery = database.prepare(
      'UPDATE deliveries SET status = ?, settled_at = ?, body = ? WHERE record = ? AND channel = ? AND recipient = ?',
    );
    this.#insertLedger = database.prepare(
      'INSERT INTO ledger (record, version, n, tenant, operation_id, result, entry) VALUES (?,?,?,?,?,?,?)',
    );
    this.#insertEvents = database.prepare('INSERT INTO events (record, version, entries) VALUES (?,?,?)');
  }

  addDelivery(record: number, place: number, tenant: string, delivery: Delivery): void {
    const { id, channel, recipient, status, settledAt } = delivery;
    this.#insertDelivery.run(record, channel, recipient, place, tenant, id, status, settledAt, JSON.stringify(delivery));
    this.#tally.move(null, status);
  }

  changeDelivery(record: number, delivery: Delivery): void {
    const { id, channel, recipient, status, settledAt } = delivery;
    const row = this.#statusOf.get(record, channel, recipient, id) as { status: DeliveryStatus } | undefined;
    if (row === undefined) throw new SignalboxError('internal', `The record has no delivery ${id}.`);
    this.#updateDelivery.run(status, settledAt, JSON.stringify(delivery), record, channel, recipient);
    this.#tally.move(row.status, status);
  }

  addLedger(record: number, version: number, tenant: string, entries: readonly LedgerEntry[]): void {
    for (const [n, entry] of entries.entries()) {
      try {
        this.#insertLedger.run(record, version, n, tenant, entry.operationId, entry.result ?? null, JSON.stringify(entry));
      } catch (error) {
        if (!isConstraint(error)) throw error;
        throw new SignalboxError('conflict', `Operation ${entry.operationId} is delivered already.`, { cause: error });
      }
    }
  }

  addEvents(record: number, version: number, events: readonly RecordEvent[]): void {
    if (events.length > 0) this.#insertEvents.run(record, version, JSON.stringify(events));
  }
}
