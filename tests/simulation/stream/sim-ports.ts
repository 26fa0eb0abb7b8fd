import { orderText } from '../../../src/ports/partition.js';
import type { DeadEntry, Hold, Settlement, StreamEntry, StreamPorts } from '../../../src/ports/stream.js';
import type { Incarnation } from '../incarnation.js';
import { SimArrivals } from './arrivals.js';
import { laneOf } from './entries.js';
import type { StreamReferee } from './referee.js';
import type { SimStream } from './sim-stream.js';

const DOWN = 'store-unavailable';

/** What all processes of a schedule share. */
export interface SharedStream {
  readonly stream: SimStream;
  readonly arrivals: SimArrivals;
  readonly dead: Map<string, DeadEntry>;
  readonly referee: StreamReferee;
}

export function sharedStream(stream: SimStream, referee: StreamReferee): SharedStream {
  return { stream, referee, arrivals: new SimArrivals(), dead: new Map() };
}

/** The stream as one life of one process sees it: every call goes out through the scheduler, watched by the referee. */
export function streamOf(who: Incarnation, shared: SharedStream): StreamPorts {
  const { stream, arrivals, referee } = shared;
  const call = <T>(what: string, apply: () => T): Promise<T> => who.call(`stream.${what}`, DOWN, apply);
  const settle = (hold: Hold, settlement: Settlement): 'applied' | 'stale' =>
    referee.settle(who, hold, settlement, () => stream.settle(hold, settlement));
  return {
    log: {
      append: (drafts) =>
        call('append', () => {
          const results = stream.append(drafts);
          for (const { partition } of results) arrivals.arrived(partition);
          return results;
        }),
      read: (hold, limit, settled) =>
        call('read', () => {
          if (settled !== undefined) settle(hold, settled);
          const batch = stream.read(hold, limit);
          referee.read(who, hold, batch);
          if (batch !== 'stale' && !batch.more) arrivals.looked(hold.partition);
          return batch;
        }),
      settle: (hold, settlement) => call('settle', () => settle(hold, settlement)),
      spare: (hold, entries) => call('spare', () => stream.spare(hold, entries)),
      arrival: (hold, maxMs, signal) => arrivals.next(who, hold.partition, maxMs, signal),
      waits: (key) => call('waits', () => stream.waits(key)),
      find: (tenant, id) =>
        call('find', () => {
          const found = stream.entries.find(({ draft, state }) => draft.id === id && state !== 'settled');
          return found?.draft.tenant === tenant ? { key: found.draft.key, appendedAt: found.appendedAt } : null;
        }),
      // Ids are never forgotten here but by a fault.
      remember: () => call('remember', () => undefined),
      trim: (keep) => call('trim', () => stream.trim(keep)),
      depth: () => call('depth', () => stream.depth()),
    },
    leases: {
      beat: (owner, livesMs) =>
        call('beat', () => {
          const opened = stream.layout.opened;
          const fleet = stream.beat(owner, livesMs);
          if (stream.layout.opened !== opened) arrivals.everywhere();
          return fleet;
        }),
      leave: (owner) => call('leave', () => void stream.owners.delete(owner)),
      take: (partition, owner, leaseMs) => call('take', () => referee.take(who, partition, () => stream.take(partition, owner, leaseMs))),
      renew: (holds, leaseMs) => call('renew', () => stream.renew(holds, leaseMs)),
      release: (hold) => call('release', () => stream.release(hold)),
      holders: () =>
        call('holders', () =>
          [...stream.leases].flatMap(([partition, { owner, fence, until }]) => {
            const untilMs = until - stream.now();
            return owner === '' || untilMs <= 0 ? [] : [{ partition, owner, fence, untilMs }];
          }),
        ),
    },
    control: {
      prepare: (partitions) => call('prepare', () => stream.prepare(partitions)),
      layout: () => call('layout', () => stream.advance()),
      repartition: (partitions) => call('repartition', () => stream.repartition(partitions)),
      pause: (paused) =>
        call('pause', () => {
          stream.paused = paused;
        }),
      paused: () => call('paused', () => stream.paused),
    },
    desk: deskOf(shared, call),
  };
}

function deskOf(
  { stream, arrivals, dead, referee }: SharedStream,
  call: <T>(what: string, apply: () => T) => Promise<T>,
): StreamPorts['desk'] {
  /** The oldest: they are in the order in which they were buried. */
  const get = (tenant: string, id: string): DeadEntry | null =>
    [...dead.values()].find((one) => one.tenant === tenant && one.id === id) ?? null;
  let places = 0;
  return {
    bury: (those) =>
      call('bury', () => {
        for (const { entry, failure } of those) {
          referee.buried(entry, failure);
          if (dead.has(nameOf(entry))) continue;
          places += 1;
          const { entry: _, ...rest }: StreamEntry = entry;
          dead.set(nameOf(entry), { ...rest, failure, place: orderText(0, places), deadAt: stream.now() });
        }
      }),
    dead: ({ tenant, limit, key, before }) =>
      call('dead', () =>
        [...dead.values()]
          .reverse()
          .filter((one) => one.tenant === tenant && (key === undefined || one.key === key) && (before === undefined || one.place < before))
          .slice(0, limit),
      ),
    get: (tenant, id) => call('get', () => get(tenant, id)),
    redrive: (tenant, id) =>
      call('redrive', () => {
        const found = get(tenant, id);
        if (found === null) return false;
        dead.delete(nameOf(found));
        const entry = stream.add(
          { tenant: found.tenant, key: found.key, id: found.id, fingerprint: found.fingerprint, body: found.body },
          found.order,
        );
        stream.letGo(found);
        arrivals.arrived(entry.partition);
        return true;
      }),
    discard: (tenant, id) =>
      call('discard', () => {
        const found = get(tenant, id);
        return found !== null && dead.delete(nameOf(found));
      }),
    parked: (tenant, limit) =>
      call('parked', () =>
        [...stream.parked.values()]
          .filter((one) => one.tenant === tenant)
          .slice(0, limit)
          .map(({ key, partition, attempts, dueAt, failure }) => {
            const dueInMs = dueAt === null ? null : Math.max(0, dueAt - stream.now());
            return { tenant, key, partition, waiting: stream.line(laneOf({ tenant, key })).length, attempts, dueInMs, failure };
          }),
      ),
    release: (key) =>
      call('release-key', () => {
        const released = stream.letGo(key);
        if (released) arrivals.everywhere();
        return released;
      }),
  };
}

/** Of a dead letter: under one id there may be several. */
function nameOf({ id, order }: Pick<DeadEntry, 'id' | 'order'>): string {
  return `${id} ${order}`;
}
