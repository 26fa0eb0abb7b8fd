import type { StreamEntry, StreamLog, StreamPorts } from '../ports/stream.js';
import { fuse, type Hit } from './failpoints.js';
import { doHarm, type Harm, isPoisonArmed, poisonIn, SYSTEM } from './poison.js';

/** Handles a batch of a stream. */
type Handle<T> = (entries: readonly StreamEntry[], signal: AbortSignal) => Promise<T>;

/**
 * The same stream; with a failpoint its log passes that moment on its way: `before-accept` and `after-accept` around appending,
 * `after-claim` for each entry that is handed out, `before-ack` and `after-ack` around settling,
 * by itself or with the next read.
 */
export function armStream(spec: string | null, stream: StreamPorts | null): StreamPorts | null {
  const hit = fuse(spec);
  return hit === null || stream === null ? stream : { ...stream, log: armedLog(stream.log, hit) };
}

/** The same log, which tells of every such moment. */
export function armedLog(log: StreamLog, hit: Hit): StreamLog {
  return {
    async append(drafts) {
      hit('before-accept');
      const results = await log.append(drafts);
      for (const { outcome } of results) if (outcome === 'created') hit('after-accept');
      return results;
    },
    async read(hold, limit, settled) {
      if (settled !== undefined) hit('before-ack');
      const batch = await log.read(hold, limit, settled);
      if (settled !== undefined) hit('after-ack');
      if (batch !== 'stale') for (const _entry of batch.entries) hit('after-claim');
      return batch;
    },
    async settle(hold, settlement) {
      hit('before-ack');
      const settled = await log.settle(hold, settlement);
      hit('after-ack');
      return settled;
    },
    spare: (hold, entries) => log.spare(hold, entries),
    arrival: (hold, maxMs, signal) => log.arrival(hold, maxMs, signal),
    waits: (key) => log.waits(key),
    find: (tenant, id) => log.find(tenant, id),
    remember: () => log.remember(),
    trim: (keep) => log.trim(keep),
    depth: () => log.depth(),
  };
}

/** The same handler; with a failpoint it passes `before-outcome` and `after-outcome`, with `poison` it does harm where an entry asks for it. */
export function armHandling<T>(spec: string | null, handle: Handle<T>, harm: Harm = SYSTEM): Handle<T> {
  if (isPoisonArmed(spec)) {
    return async (entries, signal) => {
      for (const { body } of entries) {
        const poison = poisonIn(body);
        if (poison !== null) await doHarm(poison, harm);
      }
      return handle(entries, signal);
    };
  }
  const hit = fuse(spec);
  if (hit === null) return handle;
  return async (entries, signal) => {
    hit('before-outcome');
    const outcomes = await handle(entries, signal);
    hit('after-outcome');
    return outcomes;
  };
}
