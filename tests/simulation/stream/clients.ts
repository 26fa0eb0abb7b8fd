import type { StreamDraft, StreamLog } from '../../../src/ports/stream.js';
import type { Rng } from '../rng.js';
import type { World } from '../world.js';
import { laneOf } from './entries.js';
import type { Meant, Nature, StreamReferee } from './referee.js';

const TENANT = 't';
const NATURES: readonly Nature[] = ['well', 'well', 'well', 'well', 'well', 'fails-once', 'fails-always', 'refused', 'throws'];
/** The longest between an answer and the next message of the same key. */
const NEXT_WITHIN_MS = 1300;

/** Whoever sends: the messages of a key come one after the other, each sent again until it is answered. */
export class StreamClients {
  /** Messages that wait for their answer. */
  busy = 0;
  private readonly rng: Rng;

  constructor(
    private readonly world: World,
    private readonly referee: StreamReferee,
    /** Some process's way to the log. */
    private readonly log: () => Pick<StreamLog, 'append'> | undefined,
  ) {
    this.rng = world.rng;
  }

  begin(): void {
    const { rng, world } = this;
    const killer = rng.happens(0.3);
    for (let client = rng.between(3, 6) - 1; client >= 0; client -= 1) {
      const key = `key-${client}`;
      const meant = Array.from({ length: rng.between(3, 10) }, (_, n): Meant => {
        const nature = killer && client === 0 && n === 1 ? 'kills' : this.natureOf(client);
        return {
          id: `${key}-${n + 1}`,
          lane: laneOf({ tenant: TENANT, key }),
          n: n + 1,
          nature,
          answered: false,
          stored: 0,
          everDead: false,
        };
      });
      world.in(rng.between(0, 2000), () => this.send(key, meant));
    }
  }

  /** The first clients' messages are all well: nothing of theirs may ever stand still. */
  private natureOf(client: number): Nature {
    return client < 2 ? 'well' : this.rng.pick(NATURES);
  }

  private send(key: string, [next, ...rest]: readonly Meant[]): void {
    if (next === undefined) return;
    this.referee.meant.set(next.id, next);
    this.busy += 1;
    this.offer(key, next, () => {
      if (next.answered) return;
      next.answered = true;
      this.busy -= 1;
      this.world.in(this.rng.between(1, NEXT_WITHIN_MS), () => this.send(key, rest));
    });
  }

  /** Asks again, whomever it finds, for as long as it hears nothing: a server that has died says nothing. */
  private offer(key: string, next: Meant, heard: () => void): void {
    const { world, rng } = this;
    if (next.answered) return;
    world.in(rng.between(1200, 3000), () => this.offer(key, next, heard));
    const log = this.log();
    if (log === undefined) return;
    const draft: StreamDraft = { tenant: TENANT, key, id: next.id, fingerprint: next.id, body: '{}' };
    world.touch();
    log.append([draft]).then(
      ([appended]) => {
        if (appended?.outcome === 'conflict') world.violate('CONFLICT', next.id);
        heard();
      },
      () => undefined,
    );
  }
}
