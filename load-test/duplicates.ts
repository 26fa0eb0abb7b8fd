import type { ToldNotification } from '../tests/drills/evidence.js';

/** What was counted, and what of it should have been one and is more. */
export interface Duplicates {
  /** Where it was read from. */
  readonly source: string;
  readonly notifications: number;
  readonly deliveries: number;
  /** Lines of the delivery ledger that say that an effect took place. */
  readonly deliveredOutcomes: number;
  /** Operation ids with such a line. */
  readonly operationsDelivered: number;
  /** One line each: an operation delivered more than once, an operation of two deliveries, a recipient served twice. */
  readonly duplicates: readonly string[];
}

/** Counts notifications with their deliveries and the delivered outcomes of their ledger. */
export class DuplicateCount {
  readonly #delivered = new Map<string, number>();
  readonly #owners = new Map<string, string>();
  readonly #duplicates: string[] = [];
  #notifications = 0;
  #deliveries = 0;

  /** One notification, as the API tells of it. */
  add({ notificationId, deliveries }: ToldNotification): void {
    this.#notifications += 1;
    const places = new Set<string>();
    for (const { channel, recipient, operationId, deliveryId, attempts } of deliveries) {
      this.#deliveries += 1;
      const place = `${channel} ${recipient}`;
      if (places.has(place)) this.#duplicates.push(`notification ${notificationId}: two deliveries by ${channel} to one recipient`);
      places.add(place);
      const owner = this.#owners.get(operationId) ?? deliveryId;
      this.#owners.set(operationId, owner);
      if (owner !== deliveryId) this.#duplicates.push(`operation ${operationId}: of two deliveries, ${owner} and ${deliveryId}`);
      // One that was redriven has attempts under earlier operation ids as well.
      for (const attempt of attempts.filter(({ result }) => result === 'delivered')) {
        this.#delivered.set(attempt.operationId, (this.#delivered.get(attempt.operationId) ?? 0) + 1);
      }
    }
  }

  result(source: string): Duplicates {
    const repeated = [...this.#delivered].filter(([, times]) => times > 1);
    return {
      source,
      notifications: this.#notifications,
      deliveries: this.#deliveries,
      deliveredOutcomes: [...this.#delivered.values()].reduce((sum, times) => sum + times, 0),
      operationsDelivered: this.#delivered.size,
      duplicates: [...this.#duplicates, ...repeated.map(([id, times]) => `operation ${id}: delivered ${times} times`)],
    };
  }
}

const SHOWN = 20;

/** For a person. */
export function printDuplicates({
  source,
  notifications,
  deliveries,
  deliveredOutcomes,
  operationsDelivered,
  duplicates,
}: Duplicates): string {
  const more = duplicates.length - SHOWN;
  return [
    `read from ${source}`,
    `  notifications                        ${notifications}`,
    `  deliveries (channel and recipient)   ${deliveries}`,
    `  delivered outcomes in the ledger     ${deliveredOutcomes}`,
    `  operations they belong to            ${operationsDelivered}`,
    `  duplicates                           ${duplicates.length}`,
    ...duplicates.slice(0, SHOWN).map((line) => `    ${line}`),
    ...(more > 0 ? [`    … and ${more} more`] : []),
  ].join('\n');
}
