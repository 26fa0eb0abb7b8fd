import type { ToldNotification } from '../tests/drills/evidence.js';
import type { Client } from './client.js';

/** Reads at a time: quick, without being a load of their own. */
const READERS = 8;
const OPEN: ReadonlySet<string> = new Set(['queued', 'scheduled', 'deferred', 'processing']);
const LOOK_AGAIN_MS = 250;

/** Notifications as the server has them in the end. What it does not know is missing from the answer. */
export async function readRecords(client: Client, ids: readonly string[], restWithinMs: number): Promise<readonly ToldNotification[]> {
  const told = new Map<string, ToldNotification>();
  const giveUpAt = performance.now() + restWithinMs;
  for (let left = [...new Set(ids)]; left.length > 0; ) {
    const queue = left.values();
    const again: string[] = [];
    const reader = async (): Promise<void> => {
      for (const id of queue) {
        const { status, body } = await client.get<ToldNotification>(`/api/v1/notifications/${id}`);
        if (status === 200) told.set(id, body);
        // The outcome of what has arrived just now is written a moment later.
        if (status === 0 || status >= 500 || status === 429 || (status === 200 && isOpen(body))) again.push(id);
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    if (performance.now() > giveUpAt) break;
    left = again;
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  return [...told.values()];
}

function isOpen({ deliveries }: ToldNotification): boolean {
  return deliveries.some(({ status }) => OPEN.has(status));
}
