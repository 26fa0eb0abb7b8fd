import type { Hold, PartitionLeases, StreamFleet } from '../../ports/stream.js';
import type { RedisStreamControl } from './control.js';
import type { Layouts } from './layouts.js';
import { GROUP, type Names } from './names.js';
import type { Scripts } from './scripts.js';

/** `PartitionLeases` on Redis, by the server's clock. */
export class RedisPartitionLeases implements PartitionLeases {
  readonly #scripts: Scripts;
  readonly #names: Names;
  readonly #layouts: Layouts;
  readonly #control: RedisStreamControl;

  constructor(scripts: Scripts, names: Names, layouts: Layouts, control: RedisStreamControl) {
    this.#scripts = scripts;
    this.#names = names;
    this.#layouts = layouts;
    this.#control = control;
  }

  async beat(owner: string, livesMs: number): Promise<StreamFleet> {
    const [now, control, owners] = await this.#layouts.beat(owner, livesMs);
    const { known } = await this.#layouts.adopt(now, control);
    return { owners: [...owners].sort(), paused: known.paused, layout: await this.#control.layoutOf(known) };
  }

  async leave(owner: string): Promise<void> {
    await this.#scripts.ask(() => this.#scripts.client.zrem(this.#names.owners, owner));
  }

  async take(partition: number, owner: string, leaseMs: number): Promise<Hold | null> {
    const { lease, stream } = this.#names.of(partition);
    const fence = await this.#scripts.run<number>('take', [lease, stream], [owner, leaseMs, GROUP]);
    return fence < 0 ? null : { partition, owner, fence };
  }

  async renew(holds: readonly Hold[], leaseMs: number): Promise<readonly Hold[]> {
    const kept = await Promise.all(holds.map((hold) => this.#keep(hold, leaseMs)));
    return holds.filter((_, n) => kept[n]);
  }

  async release(hold: Hold): Promise<void> {
    await this.#keep(hold, 0);
  }

  async holders(): Promise<readonly (Hold & { readonly untilMs: number })[]> {
    const [now] = await this.#layouts.beat('', 0);
    const partitions = this.#layouts.inUse((await this.#layouts.now()).known);
    const leases = await Promise.all(
      partitions.map(({ lease }) => this.#scripts.ask(() => this.#scripts.client.hmget(lease, 'owner', 'fence', 'until'))),
    );
    return leases.flatMap(([owner, fence, until], partition) => {
      const untilMs = Number(until ?? 0) - now;
      return owner && untilMs > 0 ? [{ partition, owner, fence: Number(fence), untilMs }] : [];
    });
  }

  async #keep({ partition, owner, fence }: Hold, leaseMs: number): Promise<boolean> {
    return (await this.#scripts.run<number>('keep', [this.#names.of(partition).lease], [owner, fence, leaseMs])) === 1;
  }
}
