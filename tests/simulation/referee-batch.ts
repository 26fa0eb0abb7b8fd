import type { WorkRecord } from '../../src/ports/record.js';
import { type BatchItem, batchOf } from '../../src/workloads/notifications/batch.js';
import type { SimStore } from './sim-store.js';
import { BATCHES, type SimPayload } from './sim-workload.js';
import type { World } from './world.js';

/** The notifications that this recipient of the batch really has: found by who they are, not by their ids. */
function childrenOf(store: SimStore, batch: WorkRecord, { userId, targets }: Pick<BatchItem, 'userId' | 'targets'>): readonly WorkRecord[] {
  const found: WorkRecord[] = [];
  for (const { record } of store.rows.values()) {
    if (record.tenant !== batch.tenant || (record.payload as SimPayload).batchId !== batch.id || record.userId !== userId) continue;
    const same = targets.every((target, at) => {
      const delivery = record.deliveries[at];
      return delivery?.channel === target.channel && delivery.recipient === target.recipient;
    });
    if (same) found.push(record);
  }
  return found;
}

/** True where this notification of a batch is there already, under another id. */
export function hasTwin(store: SimStore, child: WorkRecord): boolean {
  const { batchId } = child.payload as SimPayload;
  const batch = batchId === undefined ? undefined : store.row({ tenant: child.tenant, id: batchId })?.record;
  if (batch === undefined) return false;
  const { userId, deliveries: targets } = child;
  return userId !== null && childrenOf(store, batch, { userId, targets }).length > 1;
}

/** True when every recipient has a notification. */
export function isExpanded(store: SimStore, batch: WorkRecord): boolean {
  return batchOf(batch).items.every((item) => childrenOf(store, batch, item).length > 0);
}

/** At rest each recipient of each batch has exactly one notification. */
export function judgeBatches(world: World, store: SimStore): void {
  for (const { record } of [...store.rows.values()]) {
    if (record.workload !== BATCHES) continue;
    if (record.status !== 'delivered') world.violate('BATCH_GIVEN_UP', `${record.id} is ${record.status}`);
    for (const item of batchOf(record).items) {
      const count = childrenOf(store, record, item).length;
      if (count === 0) world.violate('CHILD_MISSING', `recipient ${item.index} of ${record.id} has no notification`);
      if (count > 1) world.violate('CHILD_TWICE', `recipient ${item.index} of ${record.id} has ${count} notifications`);
    }
  }
}
