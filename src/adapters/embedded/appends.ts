import { SignalboxError } from '../../errors.js';
import type { Delivery, LedgerEntry, RecordEvent } from '../../ports/record.js';
import { type DeskOwner, DeskTable } from './desk-table.js';
import { type Database, isConstraint, type Statement } from './sqlite.js';
import type { Tally } from './tally.js';

/** What a write leaves behind besides the record's own row: its deliveries, its ledger lines, its events. */
export class Appends {
  readonly #tally: Tally;
  readonly #insertDelivery: Statement;
  readonly #updateDelivery: Statement;
  readonly #insertLedger: Statement;
  readonly #insertEvents: Statement;
  readonly #insertAudit: Statement;
  readonly #desk: DeskTable;

  constructor(database: Database, tally: Tally) {
    this.#tally = tally;
    this.#desk = new DeskTable(database);
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
    this.#insertAudit = database.prepare(
      'INSERT INTO audit (record, version, n, tenant, at, action, actor, event, operation) VALUES (?,?,?,?,?,?,?,?,?)',
    );
  }

  addDelivery(record: number, place: number, owner: DeskOwner, delivery: Delivery): void {
    const { id, channel, recipient, status, settledAt } = delivery;
    this.#insertDelivery.run(record, channel, recipient, place, owner.tenant, id, status, settledAt, JSON.stringify(delivery));
    this.#tally.move(null, status);
    this.#desk.move(record, owner, null, delivery);
  }

  /** Writes those that changed; gives back all as they now are. */
  changeDeliveries(record: number, owner: DeskOwner, present: readonly Delivery[], changed: readonly Delivery[]): readonly Delivery[] {
    if (changed.length === 0) return present;
    const deliveries = [...present];
    for (const delivery of changed) {
      const { id, channel, recipient, status, settledAt } = delivery;
      const place = deliveries.findIndex((one) => one.id === id && one.channel === channel && one.recipient === recipient);
      const before = deliveries[place];
      if (before === undefined) throw new SignalboxError('internal', `The record has no delivery ${id}.`);
      this.#updateDelivery.run(status, settledAt, JSON.stringify(delivery), record, channel, recipient);
      this.#tally.move(before.status, status);
      this.#desk.move(record, owner, before, delivery);
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

  /** Those that are audited are also put where they are found without reading all. */
  addEvents(record: number, version: number, tenant: string, events: readonly RecordEvent[]): void {
    if (events.length === 0) return;
    this.#insertEvents.run(record, version, JSON.stringify(events));
    for (const [n, event] of events.entries()) {
      if (event.audit !== true) continue;
      const { at, name, actor, detail } = event;
      const operation = typeof detail?.operation === 'string' ? detail.operation : null;
      this.#insertAudit.run(record, version, n, tenant, at, name, actor, JSON.stringify(event), operation);
    }
  }
}
