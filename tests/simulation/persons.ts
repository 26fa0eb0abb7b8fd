import { SignalboxError } from '../../src/errors.js';
import type { Choices } from '../../src/ports/people.js';
import type { RecordKey } from '../../src/ports/record.js';
import type { Server } from './clients.js';
import { SPANS } from './quiet.js';
import { CHANNELS } from './receivers.js';
import { CRITICAL } from './sim-workload.js';
import type { World } from './world.js';

/** Those who can be notified, in every tenant. */
export const USERS = ['ana', 'bo'] as const;
export const TENANTS = ['a', 'b'] as const;

const ANSWER_WITHIN_MS = 8000;
const NOBODY_CHOSE: Choices = { contacts: {}, channels: {}, categories: {}, quietHours: null };

interface Deps {
  readonly world: World;
  /** Some process that takes requests now, if any does. */
  server(): Server | undefined;
}

/** People who cancel, decide at the desk, and choose how they are reached: they try again a few times, and then leave it. */
export class Persons {
  /** Wishes that nobody has answered or given up yet. */
  busy = 0;

  constructor(private readonly deps: Deps) {}

  cancel(key: RecordKey): void {
    this.ask(({ pipeline }) => pipeline.cancel(key, 'client'));
  }

  /** Decides on a held delivery. */
  resolve(key: RecordKey, deliveryId: string): void {
    const resolution = this.deps.world.rng.pick(['delivered', 'resend', 'dead'] as const);
    this.ask(({ pipeline }) => pipeline.resolve(key, { resolution, deliveryId, actor: 'person' }));
  }

  /** Brings a dead letter back. */
  redrive(key: RecordKey, deliveryId: string): void {
    this.ask(({ pipeline }) => pipeline.redrive(key, { deliveryId, actor: 'person' }));
  }

  /** Chooses at random, as the API does it: stored first, then applied to what waits. */
  choose(tenant: string, userId: string): void {
    const { rng } = this.deps.world;
    const choices: Choices = {
      ...NOBODY_CHOSE,
      quietHours: rng.happens(0.6) ? rng.pick(SPANS).hours : null,
      channels: rng.happens(0.2) ? { [rng.pick(CHANNELS)]: false } : {},
      categories: rng.happens(0.2) ? { [rng.pick(['news', CRITICAL])]: { [rng.pick(CHANNELS)]: false } } : {},
    };
    this.ask(async ({ people, pipeline }) => {
      await people.put({ tenant, userId }, choices, null);
      pipeline.reconsider();
    });
  }

  private ask(act: (server: Server) => Promise<unknown>): void {
    this.busy += 1;
    this.try(act, 3);
  }

  private try(act: (server: Server) => Promise<unknown>, tries: number): void {
    const { world } = this.deps;
    const server = this.deps.server();
    const done = (ok: boolean): void => {
      if (ok || tries <= 1) this.busy -= 1;
      else world.in(500, () => this.try(act, tries - 1));
    };
    if (server === undefined) {
      done(false);
      return;
    }
    let open = true;
    const end = (ok: boolean): void => {
      if (open) done(ok);
      open = false;
    };
    world.in(ANSWER_WITHIN_MS, () => end(false));
    world.in(1, () =>
      server.who.enter(() => {
        act(server).then(
          () => end(true),
          (error: unknown) => {
            if (!(error instanceof SignalboxError)) world.violate('AMEND_FAILED', String(error));
            else end(error.code === 'conflict');
          },
        );
      }),
    );
  }
}
