import type { Failure } from '../../../src/ports/record.js';
import type { Batch, Hold, Settlement, StreamEntry, StreamKey } from '../../../src/ports/stream.js';
import type { Incarnation } from '../incarnation.js';
import type { World } from '../world.js';
import { laneOf } from './entries.js';
import type { SimStream } from './sim-stream.js';

/** What an entry does to whoever handles it. */
export type Nature = 'well' | 'fails-once' | 'fails-always' | 'refused' | 'throws' | 'kills';

/** Natures after which an entry may rightly be dead. */
const DEADLY: ReadonlySet<Nature> = new Set(['fails-always', 'refused', 'throws', 'kills']);
/** Natures that give a key a reason to stand still. */
const FAILING: ReadonlySet<Nature> = new Set(['fails-once', 'fails-always', 'refused', 'throws', 'kills']);

/** One message as a client means it. */
export interface Meant {
  readonly id: string;
  readonly lane: string;
  /** Its place in its key, from 1: the next is appended when this one is answered. */
  readonly n: number;
  readonly nature: Nature;
  answered: boolean;
  /** In the store that the handler writes to, and how often it was written there. */
  stored: number;
  everDead: boolean;
}

/** Sees everything that reaches the stream and the store, and knows what was meant. */
export class StreamReferee {
  readonly meant = new Map<string, Meant>();
  /** Who was given each partition last. */
  private readonly owner = new Map<number, Incarnation>();
  /** Keys that each batch has parked. */
  private readonly parkedBy = new Set<string>();
  reclaimed = 0;
  staleRefused = 0;
  innocents = 0;

  constructor(
    private readonly world: World,
    private readonly stream: SimStream,
  ) {}

  take(who: Incarnation, partition: number, apply: () => Hold | null): Hold | null {
    const before = this.stream.leases.get(partition);
    const live = before !== undefined && before.owner !== '' && before.until > this.stream.now();
    const hold = apply();
    if (hold === null) return null;
    if (live && before.owner !== hold.owner)
      this.violate('TWO_OWNERS', `${who.name} was given partition ${partition}, which ${before.owner} holds`);
    this.owner.set(partition, who);
    return hold;
  }

  read(who: Incarnation, { partition }: Hold, batch: Batch | 'stale'): void {
    if (batch === 'stale') {
      this.staleRefused += 1;
      return;
    }
    if (batch.entries.length === 0) return;
    this.mine(who, partition, 'was given entries');
    this.reclaimed += batch.entries.filter(({ deliveries }) => deliveries > 1).length;
    const first = new Map<string, string>();
    for (const entry of batch.entries) {
      const lane = laneOf(entry);
      const redriven = this.stream.entry(entry.entry)?.redriven === true;
      if (!redriven && (first.get(lane) ?? '') > entry.order)
        this.violate('ORDER', `${entry.id} was handed out behind a later one of its key`);
      first.set(lane, entry.order);
      // What waits in the same key and is earlier must not be overtaken.
      const overtaken = this.stream.entries.find(
        (other) =>
          other.state !== 'settled' &&
          !other.redriven &&
          laneOf(other.draft) === lane &&
          other.order < entry.order &&
          !batch.entries.some(({ id }) => id === other.draft.id),
      );
      if (overtaken !== undefined) this.violate('ORDER', `${entry.id} was handed out before ${overtaken.draft.id}`);
    }
  }

  settle(who: Incarnation, hold: Hold, settlement: Settlement, apply: () => 'applied' | 'stale'): 'applied' | 'stale' {
    const pending = this.stream.leases.get(hold.partition)?.batch === settlement.batch;
    const stood = this.standing(settlement.parked);
    const name = (parking: StreamKey): string => `${hold.partition} ${settlement.batch} ${laneOf(parking)}`;
    const again = settlement.parked.filter((parking) => this.parkedBy.has(name(parking)));
    const stoodAgain = this.standing(again);
    const before = settlement.done.map((name) => this.stream.entry(name));
    const answer = apply();
    if (answer === 'stale') {
      this.staleRefused += 1;
      return answer;
    }
    if (!pending) {
      if (this.standing(settlement.parked) !== stood)
        this.violate('LATE', `${who.name} has undone what happened since in partition ${hold.partition}`);
      return answer;
    }
    this.mine(who, hold.partition, 'settled');
    if (this.standing(again) !== stoodAgain)
      this.violate('REPEATED', `${who.name} has parked again what it had parked in partition ${hold.partition}`);
    for (const parking of settlement.parked) this.parkedBy.add(name(parking));
    for (const entry of before) {
      const meant = entry === undefined ? undefined : this.meant.get(entry.draft.id);
      if (meant !== undefined && meant.stored === 0 && !meant.everDead)
        this.violate('SETTLED_UNHANDLED', `${meant.id} is neither stored nor dead`);
    }
    for (const parking of settlement.parked) {
      const lane = laneOf(parking);
      const failing = [...this.meant.values()].some((meant) => meant.lane === lane && (FAILING.has(meant.nature) || meant.everDead));
      if (!failing) this.violate('PARKED_INNOCENT', `${lane} stands still, and nothing of it ever failed`);
    }
    return answer;
  }

  /** The handler's write has reached the store. */
  stored(who: Incarnation, entry: StreamEntry): void {
    const meant = this.meant.get(entry.id);
    if (meant === undefined) {
      this.violate('GHOST', `${entry.id} was never sent`);
      return;
    }
    if (meant.stored === 0) {
      const before = [...this.meant.values()].find(
        (one) => one.lane === meant.lane && one.n < meant.n && one.stored === 0 && !one.everDead,
      );
      if (before !== undefined) this.violate('ORDER', `${who.name} stored ${meant.id} before ${before.id}`);
    }
    meant.stored += 1;
  }

  buried({ id }: StreamEntry, { code }: Failure): void {
    const meant = this.meant.get(id);
    if (meant === undefined) return;
    meant.everDead = true;
    // Worn out without being a killer: bad luck, again and again. It is counted; what may not be is company for a killer.
    if (!DEADLY.has(meant.nature) && code === 'claims_exhausted') this.innocents += 1;
    else if (!DEADLY.has(meant.nature)) this.violate('DEAD_INNOCENT', `${id} is ${meant.nature} and dead of ${code}`);
  }

  /** A worker is about to die of an entry that has been lost so often that it must be alone. */
  killed(who: Incarnation, { id, deliveries }: StreamEntry, beside: number): void {
    if (deliveries >= 3 && beside > 0) this.violate('COMPANY', `${id} kills ${who.name}, and ${beside} others are in its hands`);
  }

  /** What must be true when nothing is left to happen. */
  judgeRest(dead: ReadonlySet<string>, afterDeath: 'continue' | 'hold'): void {
    for (const meant of this.meant.values()) {
      if (!meant.answered) continue;
      const waits = this.stream.entries.some(({ draft, state }) => draft.id === meant.id && state !== 'settled');
      if (meant.stored === 0 && !dead.has(meant.id) && !waits) this.violate('LOST', `${meant.id} is neither stored, nor dead, nor waiting`);
      const held = afterDeath === 'hold' && this.stream.parked.get(meant.lane)?.dueAt === null;
      if (waits && !held) this.violate('STUCK', `${meant.id} still waits at rest`);
    }
  }

  /** How the keys stand that a settlement would park. */
  private standing(parked: readonly StreamKey[]): string {
    return JSON.stringify(parked.map((parking) => this.stream.parked.get(laneOf(parking)) ?? null));
  }

  private mine(who: Incarnation, partition: number, did: string): void {
    const owner = this.owner.get(partition);
    if (owner !== who) this.violate('STRANGER', `${who.name} ${did} in partition ${partition}, which ${owner?.name ?? 'nobody'} took last`);
  }

  private violate(kind: string, detail: string): void {
    this.world.violate(kind, detail);
  }
}
