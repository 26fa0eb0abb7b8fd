import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach } from '@jest/globals';
import type { Outbox } from '../../src/ports/outbox.js';
import type { RecordReader } from '../../src/ports/reader.js';
import type { RecordKey, WorkRecord } from '../../src/ports/record.js';
import type { ClaimRequest, Draft, RecordStore } from '../../src/ports/store.js';
import { type DraftShape, draftOf } from './drafts.js';

/** What an adapter has; what it lacks is not tested. */
export interface StoreFeatures {
  /** Its clock stands still unless `pass` moves it, so times can be compared to the millisecond. */
  readonly stillClock: boolean;
  /** Data outlives the process. */
  readonly durable: boolean;
}

/** An empty store under test. The ports are read afresh after a restart. */
export interface StoreHarness {
  readonly store: RecordStore;
  readonly reader: RecordReader;
  readonly outbox: Outbox;
  /** The store's clock, milliseconds since the epoch. */
  now(): number;
  /** Resolves when so many milliseconds have passed on the store's clock. */
  pass(ms: number): Promise<void>;
  /** Ends the store in order, or as a crash would, and opens it again on the same data. */
  restart(how: 'closed' | 'crashed'): Promise<void>;
  dispose(): Promise<void>;
}

export type MakeStore = () => Promise<StoreHarness>;

/** Long enough not to run out by itself on a slow machine, short enough to wait for where the clock is real. */
export const LEASE_MS = 3000;

/** A harness for each test, and the few sentences in which the suites talk to it. */
export class StoreTester {
  #harness: StoreHarness | undefined;

  constructor(make: MakeStore) {
    beforeEach(async () => {
      this.#harness = await make();
    });
    afterEach(async () => {
      await this.#harness?.dispose();
    });
  }

  get harness(): StoreHarness {
    if (this.#harness === undefined) throw new Error('no test is running');
    return this.#harness;
  }

  get store(): RecordStore {
    return this.harness.store;
  }

  get reader(): RecordReader {
    return this.harness.reader;
  }

  get outbox(): Outbox {
    return this.harness.outbox;
  }

  now(): number {
    return this.harness.now();
  }

  pass(ms: number): Promise<void> {
    return this.harness.pass(ms);
  }

  draft(id: string, shape: Omit<Partial<DraftShape>, 'id'> = {}): Draft {
    return draftOf({ id, createdAt: this.now(), ...shape });
  }

  async accept(id: string, shape: Omit<Partial<DraftShape>, 'id'> = {}): Promise<WorkRecord> {
    const [result] = await this.store.accept([this.draft(id, shape)]);
    if (result?.outcome !== 'created') throw new Error(`${id} was not created`);
    return result.record;
  }

  claimRequest(keys: readonly RecordKey[], request: Partial<ClaimRequest> = {}): ClaimRequest {
    return { keys, claimId: randomUUID(), worker: 'worker-1', leaseMs: LEASE_MS, alone: false, ...request };
  }

  async claim(key: RecordKey, request: Partial<ClaimRequest> = {}): Promise<WorkRecord> {
    const { claimed } = await this.store.claim(this.claimRequest([key], request));
    const [record] = claimed;
    if (record === undefined) throw new Error(`${key.id} was not claimed`);
    return record;
  }

  async get(key: RecordKey): Promise<WorkRecord> {
    const record = await this.reader.get(key);
    if (record === null) throw new Error(`${key.id} is not there`);
    return record;
  }
}
