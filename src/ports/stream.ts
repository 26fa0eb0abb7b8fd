import type { Failure } from './record.js';

/**
 * An ordered, partitioned log of accepted work that is its own truth until it is settled.
 *
 * Words. A *key* is what order is kept within (a conversation, a vessel); keys of different tenants have nothing to do with each
 * other. Each key is in one *partition*. A partition has one *owner* at a time, by a lease with a *fence* that rises with every
 * taking; only the owner is given entries, and only under its fence are they settled. The number of partitions changes by
 * *epochs*: the *order key* of an entry is (epoch, entry), so that it rises strictly within a key also when the key moves.
 * All of it throws `SignalboxError` (`store-unavailable`, `store-full`), and every call may be repeated after a lost answer.
 */

/** Whose entry it is. */
export interface StreamKey {
  readonly tenant: string;
  readonly key: string;
}

/** An entry as it is handed in. */
export interface StreamDraft extends StreamKey {
  /** Constant over all repeats; unique over all tenants. */
  readonly id: string;
  /** Of the content: a repeat has the same one. */
  readonly fingerprint: string;
  readonly body: string;
}

export interface Appended {
  /**
   * `created`: it is in the log, durably. `repeat`: this id was appended before with the same fingerprint, and nothing was added.
   * `conflict`: with another fingerprint. Ids are remembered for a while only (a setting of the adapter, five minutes by default,
   * also across a change of partitions), and until the entry is settled (see {@link StreamLog.remember}): the unique key of whoever
   * stores the entry in the end is the last guard.
   */
  readonly outcome: 'created' | 'repeat' | 'conflict';
  readonly partition: number;
  /** Of the first one where it is a repeat. See {@link StreamEntry.order}. */
  readonly order: string;
  /** Likewise; see {@link StreamEntry.appendedAt}. */
  readonly appendedAt: number;
}

/** An entry in its owner's hands. */
export interface StreamEntry extends StreamDraft {
  /** The log's own name of it; unique within the partition. */
  readonly entry: string;
  readonly partition: number;
  /** The order key: compares as text, rises strictly within a key, and is kept by an entry that was redriven. */
  readonly order: string;
  /** Milliseconds since the epoch on the log's clock. */
  readonly appendedAt: number;
  /** How often it was handed out, this time included. More than once: an owner died over it, or an answer was lost. */
  readonly deliveries: number;
  /** Attempts that failed so far; 0 unless its key is parked and it is the first of it. */
  readonly attempts: number;
}

/** A partition in its owner's hands. */
export interface Hold {
  readonly partition: number;
  readonly owner: string;
  /** Rises with every taking of this partition and never falls: the fencing token. */
  readonly fence: number;
}

export interface Batch {
  /** Names it towards {@link Settlement}; rises with every one under a hold. */
  readonly number: number;
  /** In order within each key. */
  readonly entries: readonly StreamEntry[];
  /** There may be more at once: read again after settling. False: wait by {@link StreamLog.arrival}. */
  readonly more: boolean;
  /** When a parked key of this partition next falls due, milliseconds from now; null: none waits for a time. */
  readonly nextInMs: number | null;
}

/** A key that cannot go on for now. Its entries leave the stream for a list of its own, so that the rest of the partition flows. */
export interface Parking extends StreamKey {
  /** `entry` of everything in the batch from the first one of this key on that is not done, in order. May be none where it is held. */
  readonly entries: readonly string[];
  /** Failed attempts of the first of them. */
  readonly attempts: number;
  /** Comes again after so long; null: held until somebody releases it. */
  readonly afterMs: number | null;
  readonly failure: Failure;
}

/** What became of a batch, or of a part of it. Entries that are named nowhere are handed out again by the next read. */
export interface Settlement {
  /** {@link Batch.number} */
  readonly batch: number;
  /** `entry` of what was handled, or is safely among the dead letters. */
  readonly done: readonly string[];
  readonly parked: readonly Parking[];
}

export interface PartitionDepth {
  readonly partition: number;
  /** Entries in the stream, those that are settled and not trimmed yet included. */
  readonly length: number;
  /** Never handed out yet. */
  readonly lag: number;
  /** Handed out and not settled. */
  readonly pending: number;
  /** Entries in the lists of parked keys. */
  readonly parked: number;
  /** Milliseconds since the oldest entry that is not settled was appended (of those in the stream); 0: there is none. */
  readonly oldestMs: number;
}

/** The log itself. */
export interface StreamLog {
  /**
   * Durable when it resolves. Recognising a repeat and appending is one atomic step; of the same id given twice at once, also in
   * one call, one is `created`. Results in the order of the drafts. What one caller appends for one key, one call after the other,
   * keeps that order. Rejects as a whole; some may then have been appended, and a repeat of the call says so.
   */
  append(drafts: readonly StreamDraft[]): Promise<readonly Appended[]>;

  /**
   * The next batch of a partition, or `stale`: it is not ours any more, and nothing was handed out.
   * At most `limit` entries, all of one kind: what was handed out (to whomever) and never settled, with `deliveries` one higher; else
   * the heads of parked keys that are due; else what is new. What is new of a parked key goes to the end of its list and is not
   * handed out.
   * One batch at a time: whatever is handed out and not settled when the next read comes is handed out again.
   * @param settled is settled first, as by {@link settle}: where the log can, in one step, which saves a round trip and a write to
   * the disk. Repeated after a lost answer it is late, if the next batch has been handed out; that one is then handed out again.
   */
  read(hold: Hold, limit: number, settled?: Settlement): Promise<Batch | 'stale'>;

  /**
   * All of it or, where the partition is not ours any more, nothing. The same settlement again changes nothing, and neither does
   * one that arrives when the next batch has been read: whatever it did not settle has been handed out again.
   */
  settle(hold: Hold, settlement: Settlement): Promise<'applied' | 'stale'>;

  /**
   * Says of entries in our hands (by their `entry`) that they kill nobody: handling them has come to an end, though to no outcome, since
   * what it needs is away. How often they were handed out before is forgotten: if they come again, it is for the second time.
   */
  spare(hold: Hold, entries: readonly string[]): Promise<'applied' | 'stale'>;

  /**
   * Resolves as soon as there may be something new to read in the partition since the last read that this log answered for it, at
   * the latest after `maxMs`, and at once when `signal` aborts. Never rejects.
   */
  arrival(hold: Hold, maxMs: number, signal: AbortSignal): Promise<void>;

  /** Whether anything of this key is not settled yet. Where that would take long to find out: true. */
  waits(key: StreamKey): Promise<boolean>;

  /** An entry that is not settled yet, by its id; null: there is none, or its id is not remembered. */
  find(tenant: string, id: string): Promise<Pick<StreamEntry, 'key' | 'appendedAt'> | null>;

  /**
   * Has ids stay remembered for as long as what they name is not settled. To be called every few seconds by one process of the fleet;
   * while nobody does, they are forgotten like any other.
   */
  remember(): Promise<void>;

  /** Removes settled entries but the last `keep` of each partition or somewhat more; never one that is not settled. Gives how many. */
  trim(keep: number): Promise<number>;

  /** Of every partition in use, in order. */
  depth(): Promise<readonly PartitionDepth[]>;
}

/** What all processes know of the fleet of owners. */
export interface StreamFleet {
  /** Names of those who consume and whose time has not run out, sorted. */
  readonly owners: readonly string[];
  readonly paused: boolean;
  readonly layout: Layout;
}

/** Who owns which partition. By the log's clock. */
export interface PartitionLeases {
  /** Says that `owner` consumes, for so long, and tells what everybody should know. */
  beat(owner: string, livesMs: number): Promise<StreamFleet>;
  /** `owner` consumes no longer: off the list at once. */
  leave(owner: string): Promise<void>;
  /** Takes a partition that nobody holds (or whose holder's time has run out, or that is ours): with a new fence. Null: it is held. */
  take(partition: number, owner: string, leaseMs: number): Promise<Hold | null>;
  /** Puts off the end of each; those that are not ours any more are left out of the answer. */
  renew(holds: readonly Hold[], leaseMs: number): Promise<readonly Hold[]>;
  /** Another may take it at once. What it was given and did not settle is handed out again. Not ours any more: nothing happens. */
  release(hold: Hold): Promise<void>;
  /** By partition. */
  holders(): Promise<readonly (Hold & { readonly untilMs: number })[]>;
}

/** How many partitions there are. */
export interface Layout {
  /** Rises with every change. The first: any number, higher than those of a stream that was here before and is lost. */
  readonly epoch: number;
  readonly partitions: number;
  /**
   * Null, or what is left of a change: entries of the last epoch that are not settled yet, by partition, where there are any. Until
   * there are none nothing of the new epoch is handed out. Keys that are held move with their lists.
   */
  readonly moving: { readonly from: number; readonly left: readonly { readonly partition: number; readonly entries: number }[] } | null;
}

/** What people do with a stream. Shared by all processes, and durable. */
export interface StreamControl {
  /** Makes whatever is missing (groups, the first layout). Repeatable, and any number of processes may do it at once. */
  prepare(partitions: number): Promise<Layout>;
  layout(): Promise<Layout>;
  /**
   * Begins a new epoch with so many partitions. From then on all entries go to their new partition; a key's order holds, since
   * nothing of the new epoch is handed out before everything of the old one is settled. Rejects with `conflict` while a change is
   * under way. The number that is there already: nothing happens.
   */
  repartition(partitions: number): Promise<Layout>;
  /** True: nobody reads. Entries are accepted all the same. Known to every owner with its next beat. */
  pause(paused: boolean): Promise<void>;
  paused(): Promise<boolean>;
}

/** An entry that will not be tried again. */
export interface DeadEntry extends Omit<StreamEntry, 'entry'> {
  /** Name and place among the dead letters: compares as text, rises with every one. */
  readonly place: string;
  readonly failure: Failure;
  /** Milliseconds since the epoch on the log's clock. */
  readonly deadAt: number;
}

export interface DeadQuery {
  readonly tenant: string;
  readonly limit: number;
  /** Of one key only. */
  readonly key?: string;
  /** Newest first those before this place; left out: from the newest. */
  readonly before?: string;
}

/** A key that stands still. */
export interface ParkedKey extends StreamKey {
  readonly partition: number;
  /** Entries in its list. */
  readonly waiting: number;
  readonly attempts: number;
  /** Null: held. */
  readonly dueInMs: number | null;
  readonly failure: Failure;
}

/** Where entries rest that failed for good, and what people do about it. */
export interface StreamDesk {
  /**
   * Durable when it resolves, and only then may the entries be settled as `done`. An entry (by its id and its order key) that is there
   * already is there once, with a new place where it may have been redriven meanwhile. Entries of one id with different order keys
   * (accepted when nobody remembered the first) are each there.
   */
  bury(dead: readonly { readonly entry: StreamEntry; readonly failure: Failure }[]): Promise<void>;
  /** Newest first. */
  dead(query: DeadQuery): Promise<readonly DeadEntry[]>;
  /** By message id, the oldest of them, as in {@link redrive} and {@link discard}; null: not among the dead letters of this tenant. */
  get(tenant: string, id: string): Promise<DeadEntry | null>;
  /**
   * Back into the log with its id and its order key, exactly once, however often this is repeated: where its key is held, before
   * everything that waits in its list, and the key goes on; else at the end of its partition. Several of one key come back in the
   * order in which they are redriven. False: it is not there (any more).
   */
  redrive(tenant: string, id: string): Promise<boolean>;
  /** Off the dead letters for good. False: it is not there. */
  discard(tenant: string, id: string): Promise<boolean>;
  /** Keys of a tenant that stand still, at most so many. */
  parked(tenant: string, limit: number): Promise<readonly ParkedKey[]>;
  /** A held key goes on with what waits in its list. False: it is not held. */
  release(key: StreamKey): Promise<boolean>;
}

/** All that a stream has. */
export interface StreamPorts {
  readonly log: StreamLog;
  readonly leases: PartitionLeases;
  readonly control: StreamControl;
  readonly desk: StreamDesk;
}
