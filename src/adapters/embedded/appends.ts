import { SignalboxError } from '../../errors.js';
import type { Delivery, LedgerEntry, RecordEvent } from '../../ports/record.js';
import { type Database, isConstraint, type Statement } from './sqlite.js';
import type { Tally } from './tally.js';

/** What a write leaves behind besides the record's own row: its deliveries, its ledger lines, its events. */
export class Appends {
  readonly #tally: Tally;
  readonly #insertDelivery: Statement;
  readonly #updateDelivery: Statement;
  readonly #insertLedger: Statement;
  readonly #insertEvents: Statement;

  constructor(database: Database, tally: Tally) {
    this.#tally = tally;
    this.#insertDelivery = database.prepare(
      'INSERT INTO deliveries (record, channel, recipient, place, tenant, id, status, settled_at, body) VALUES (?,?,?,?,?,?,?,?,?)',
    );
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

  /** Writes those that changed; gives back all as they now are. */
  changeDeliveries(record: number, present: readonly Delivery[], changed: readonly Delivery[]): readonly Delivery[] {
    if (changed.length === 0) return present;
    const deliveries = [...present];
    for (const delivery of changed) {
      const { id, channel, recipient, status, settledAt } = delivery;
      const place = deliveries.findIndex((one) => one.id === id && one.channel === channel && one.recipient === recipient);
      const before = deliveries[place];
      if (before === undefined) throw new SignalboxError('internal', `The record has no delivery ${id}.`);
      this.#updateDelivery.run(status, settledAt, JSON.stringify(delivery), record, channel, recipient);
      this.#tally.move(before.status, status);
      deliveries[place] = delivery;
    }
    return deliveries;
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
