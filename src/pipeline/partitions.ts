import type { Clock, Timers } from '../ports/clock.js';
import type { Hold, PartitionLeases, StreamControl, StreamFleet } from '../ports/stream.js';
import type { Watch } from '../ports/watch.js';
import { createLoop, type Loop } from './loop.js';
import type { Lane } from './stream-lane.js';
import type { StreamSettings } from './stream-settings.js';

/** Share of the lease after which its holder stops on its own clock, counted from when the last good renewal was sent. */
const SAFE_SHARE = 0.8;
/** Renewed when this share of it has gone. */
const RENEW_SHARE = 1 / 3;

export interface PartitionsDeps {
  readonly leases: PartitionLeases;
  readonly control: StreamControl;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly watch: Watch;
  readonly worker: string;
  readonly settings: StreamSettings;
  /** A partition has come into our hands. */
  open(hold: Hold): Lane;
  /** Told with every beat. */
  heard(fleet: StreamFleet): void;
}

interface Held {
  readonly hold: Hold;
  readonly lane: Lane;
  /** When the last good renewal was sent, on the monotonic clock. */
  renewedAt: number;
  leaving: Promise<void> | undefined;
}

/** Our share of the partitions: as many as everybody else has, give or take one. */
export interface Partitions {
  start(): void;
  /** Gives all of them up in order, each when what is under way in it is settled. */
  stop(): Promise<void>;
  abandon(): void;
  /** Looks soon at what has changed. */
  look(): void;
  lose(hold: Hold): void;
  lanes(): readonly Lane[];
}

export function createPartitions(deps: PartitionsDeps): Partitions {
  return new OwnPartitions(deps);
}

class OwnPartitions implements Partitions {
  readonly #deps: PartitionsDeps;
  readonly #held = new Map<number, Held>();
  readonly #beat: Loop;
  /** Of its own, since a beat may wait for an answer while a lease runs out. */
  readonly #guard: Loop;
  #prepared = false;
  #stopping = false;

  constructor(deps: PartitionsDeps) {
    const { clock, timers, settings } = deps;
    this.#deps = deps;
    this.#beat = createLoop(clock, timers, () => this.#turn());
    this.#guard = createLoop(clock, timers, async () => {
      this.#expire();
      return settings.beatMs;
    });
  }

  start(): void {
    if (this.#stopping) return;
    this.#beat.start();
    this.#guard.start();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const { leases, worker, watch } = this.#deps;
    // Off the list first: the others may take what we give up as we give it up.
    await leases.leave(worker).catch((error: unknown) => watch({ kind: 'trouble', where: 'stream.leave', error }));
    await Promise.all([...this.#held.values()].map((held) => this.#giveUp(held)));
    await Promise.all([this.#beat.stop(), this.#guard.stop()]);
    // Whatever a last beat took while we were leaving.
    await Promise.all([...this.#held.values()].map((held) => this.#giveUp(held)));
  }

  abandon(): void {
    for (const { lane } of this.#held.values()) lane.abort();
  }

  look(): void {
    this.#beat.nudge(this.#deps.settings.beatMs / 20);
  }

  lose(hold: Hold): void {
    const held = this.#held.get(hold.partition);
    if (held?.hold.fence !== hold.fence) return;
    this.#held.delete(hold.partition);
    held.lane.abort();
    this.#deps.watch({ kind: 'partition', partition: hold.partition, state: 'lost' });
  }

  lanes(): readonly Lane[] {
    return [...this.#held.values()].map(({ lane }) => lane);
  }

  async #turn(): Promise<number> {
    const { leases, control, settings, worker, watch, heard } = this.#deps;
    try {
      await this.#renew();
      if (this.#stopping) return settings.beatMs;
      if (!this.#prepared) await control.prepare(settings.partitions);
      this.#prepared = true;
      const fleet = await leases.beat(worker, settings.leaseMs);
      heard(fleet);
      await this.#balance(fleet);
    } catch (error) {
      // Perhaps its server has come back with nothing.
      this.#prepared = false;
      watch({ kind: 'trouble', where: 'stream.beat', error });
    }
    return settings.beatMs;
  }

  async #renew(): Promise<void> {
    const { leases, clock, settings } = this.#deps;
    const sentAt = clock.monotonic();
    const due = [...this.#held.values()].filter(({ renewedAt }) => sentAt - renewedAt >= settings.leaseMs * RENEW_SHARE);
    if (due.length === 0) return;
    const kept = new Set(
      (
        await leases.renew(
          due.map(({ hold }) => hold),
          settings.leaseMs,
        )
      ).map(({ fence, partition }) => `${partition} ${fence}`),
    );
    for (const held of due) {
      if (kept.has(`${held.hold.partition} ${held.hold.fence}`)) held.renewedAt = sentAt;
      else this.lose(held.hold);
    }
  }

  #expire(): void {
    const { clock, settings } = this.#deps;
    const now = clock.monotonic();
    for (const { hold, renewedAt } of [...this.#held.values()]) {
      if (now - renewedAt >= settings.leaseMs * SAFE_SHARE) this.lose(hold);
    }
  }

  async #balance({ owners, layout }: StreamFleet): Promise<void> {
    // While a change is under way, also those that are to go.
    const many = Math.max(layout.partitions, layout.moving?.from ?? 0);
    const rank = owners.indexOf(this.#deps.worker);
    if (rank < 0) return;
    const share = Math.floor(many / owners.length) + (rank < many % owners.length ? 1 : 0);
    const staying = [...this.#held.values()].filter(({ leaving }) => leaving === undefined);
    const surplus = [
      ...staying.filter(({ hold }) => hold.partition >= many),
      ...staying.filter(({ hold }) => hold.partition < many).slice(share),
    ];
    for (const held of surplus) void this.#giveUp(held);
    // Each begins to look at a place of its own, so that newcomers do not ask for the same ones.
    const first = rank * Math.floor(many / owners.length);
    let wanted = share - (staying.length - surplus.length);
    for (let n = 0; n < many && wanted > 0 && !this.#stopping; n += 1) {
      if (await this.#take((first + n) % many)) wanted -= 1;
    }
  }

  async #take(partition: number): Promise<boolean> {
    if (this.#held.has(partition)) return false;
    const { leases, worker, settings, clock, open, watch } = this.#deps;
    const sentAt = clock.monotonic();
    const hold = await leases.take(partition, worker, settings.leaseMs);
    if (hold === null) return false;
    this.#held.set(partition, { hold, lane: open(hold), renewedAt: sentAt, leaving: undefined });
    watch({ kind: 'partition', partition, state: 'started' });
    return true;
  }

  #giveUp(held: Held): Promise<void> {
    held.leaving ??= this.#leave(held);
    return held.leaving;
  }

  async #leave({ hold, lane }: Held): Promise<void> {
    const { leases, watch } = this.#deps;
    await lane.stop();
    if (this.#held.get(hold.partition)?.hold.fence !== hold.fence) return;
    this.#held.delete(hold.partition);
    watch({ kind: 'partition', partition: hold.partition, state: 'stopped' });
    // Not given up is free when its time has run out.
    await leases.release(hold).catch((error: unknown) => watch({ kind: 'trouble', where: 'stream.release', error }));
  }
}
