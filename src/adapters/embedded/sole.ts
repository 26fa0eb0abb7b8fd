import type { Clock } from '../../ports/clock.js';
import type { Duties } from '../../ports/duties.js';
import { type Fleet, type FleetMember, LOST_FOR_MS, type SeenMember } from '../../ports/fleet.js';

/** `Duties` where this process is the only one: what is held is known in its memory, and free again when it ends. */
export class SoleDuties implements Duties {
  readonly #clock: Clock;
  readonly #held = new Map<string, { readonly holder: string; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async hold(duty: string, holder: string, leaseMs: number): Promise<boolean> {
    const now = this.#clock.now();
    const present = this.#held.get(duty);
    if (present !== undefined && present.holder !== holder && present.until > now) return false;
    this.#held.set(duty, { holder, until: now + leaseMs });
    return true;
  }

  async giveUp(duty: string, holder: string): Promise<void> {
    if (this.#held.get(duty)?.holder === holder) this.#held.delete(duty);
  }

  async held(): Promise<readonly { readonly duty: string; readonly holder: string; readonly until: number }[]> {
    const now = this.#clock.now();
    return [...this.#held].map(([duty, lease]) => ({ duty, ...lease })).filter(({ until }) => until > now);
  }
}

/** `Fleet` of this process alone, in its memory. */
export class SoleFleet implements Fleet {
  readonly #clock: Clock;
  readonly #members = new Map<string, SeenMember>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async beat(member: FleetMember, livesMs: number): Promise<'ok' | 'taken'> {
    const now = this.#clock.now();
    const present = this.#members.get(member.workerId);
    if (present !== undefined && present.incarnation !== member.incarnation && present.livesUntil > now) return 'taken';
    this.#members.set(member.workerId, { ...member, seenAt: now, livesUntil: now + livesMs });
    return 'ok';
  }

  async members(): Promise<readonly SeenMember[]> {
    const now = this.#clock.now();
    return this.#those(({ livesUntil }) => livesUntil > now);
  }

  async lost(): Promise<readonly SeenMember[]> {
    const now = this.#clock.now();
    return this.#those(({ livesUntil }) => livesUntil <= now && livesUntil > now - LOST_FOR_MS);
  }

  #those(such: (member: SeenMember) => boolean): readonly SeenMember[] {
    return [...this.#members.values()].filter(such).sort((a, b) => (a.workerId < b.workerId ? -1 : 1));
  }

  async leave(workerId: string, incarnation: string): Promise<void> {
    if (this.#members.get(workerId)?.incarnation === incarnation) this.#members.delete(workerId);
  }
}
