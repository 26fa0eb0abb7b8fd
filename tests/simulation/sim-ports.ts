import type { Outbox } from '../../src/ports/outbox.js';
import type { RecordReader } from '../../src/ports/reader.js';
import type { RecordStore } from '../../src/ports/store.js';
import type { Incarnation } from './incarnation.js';
import type { Referee } from './referee.js';
import { simReads } from './sim-reads.js';
import type { SimStore } from './sim-store.js';

const DOWN = 'store-unavailable';

/** The store as one life of one process sees it: every call goes out through the scheduler, watched by the referee. */
export function storeOf(who: Incarnation, store: SimStore, referee: Referee): RecordStore {
  return {
    accept: (drafts) => who.call('store.accept', DOWN, () => referee.accept(who, drafts, () => store.accept(drafts))),
    async claim(request) {
      const result = await who.call('store.claim', DOWN, () => referee.claim(who, request, () => store.claim(request)));
      referee.claimArrived(who, request, result);
      return result;
    },
    renew: (leases, leaseMs) => who.call('store.renew', DOWN, () => referee.renew(who, leases, () => store.renew(leases, leaseMs))),
    commit(ref, change) {
      referee.commitSent(who, ref);
      return who.call('store.commit', DOWN, () => referee.commit(who, ref, change, () => store.commit(ref, change)));
    },
    amend: (key, amendment) => who.call('store.amend', DOWN, () => referee.amend(who, key, amendment, () => store.amend(key, amendment))),
    requestCancel: (key, event) => who.call('store.requestCancel', DOWN, () => store.requestCancel(key, event)),
  };
}

export function outboxOf(who: Incarnation, store: SimStore, referee: Referee): Outbox {
  return {
    due: (limit, republishAfterMs) => who.call('outbox.due', DOWN, () => store.due(limit, republishAfterMs)),
    published: (wakeUps) => who.call('outbox.published', DOWN, () => referee.marked(who, wakeUps, (wakeUp) => store.published([wakeUp]))),
  };
}

export function readerOf(who: Incarnation, store: SimStore, referee: Referee): RecordReader {
  const reads = simReads(store);
  return {
    async get(key) {
      return who.call('reader.get', DOWN, () => {
        const record = reads.get(key);
        referee.read(who, key, record);
        return record;
      });
    },
    history: (key) => who.call('reader.history', DOWN, () => reads.history(key)),
    list: (query) => who.call('reader.list', DOWN, () => reads.list(query)),
    listDeliveries: (query) => who.call('reader.listDeliveries', DOWN, () => reads.listDeliveries(query)),
    delivery: (tenant, id) => who.call('reader.delivery', DOWN, () => reads.delivery(tenant, id)),
    backlog: () => who.call('reader.backlog', DOWN, () => reads.backlog()),
    deliveryCounts: () => who.call('reader.deliveryCounts', DOWN, () => reads.deliveryCounts()),
  };
}
