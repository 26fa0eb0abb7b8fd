import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { Server } from './clients.js';
import type { Setting } from './incarnation.js';
import type { SimQueue } from './sim-queue.js';

interface Deps {
  readonly setting: Setting;
  readonly settings: PipelineSettings;
  readonly queue: SimQueue;
  /** The present life of each process; undefined while it is down. */
  readonly servers: (Server | undefined)[];
  /** Starts the process of this place anew. */
  boot(place: number): void;
}

/** What befalls processes from outside, at any moment, from {@link begin} to {@link end}. */
export class Chaos {
  private reigns = false;

  constructor(private readonly deps: Deps) {}

  begin(): void {
    this.reigns = true;
    if (this.deps.setting.rates.chaosPerSecond > 0) this.next();
  }

  end(): void {
    this.reigns = false;
  }

  private next(): void {
    const { setting, servers } = this.deps;
    const { world } = setting;
    const { rng } = world;
    world.in(Math.ceil((-Math.log(1 - rng.next()) * 1000) / setting.rates.chaosPerSecond), () => {
      if (!this.reigns) return;
      const place = rng.between(0, servers.length - 1);
      const server = servers[place];
      if (server !== undefined) this.befall(server, place);
      this.next();
    });
  }

  private befall(server: Server, place: number): void {
    const { setting, settings, queue } = this.deps;
    const { world } = setting;
    const { rng } = world;
    const { who } = server;
    switch (rng.pick(['crash', 'pause', 'pause', 'cut', 'clock', 'drain'] as const)) {
      case 'crash':
        who.crash('kill -9');
        return;
      case 'pause': {
        const ms = rng.between(100, 3 * settings.leaseMs);
        who.pause(ms);
        // A broker that hears nothing from a consumer for so long gives its wake-ups to others.
        if (ms > 1.5 * settings.leaseMs) world.in(1.5 * settings.leaseMs, () => queue.lost(who, false));
        return;
      }
      case 'cut':
        setting.counts.cuts += 1;
        who.cutOffUntil = world.now + rng.between(100, 2 * settings.leaseMs);
        world.trace(() => `${who.name} is cut off from store and broker`);
        return;
      case 'clock':
        setting.counts.clockJumps += 1;
        who.skew += rng.pick([-3_600_000, 3_600_000, -500, 500]);
        return;
      case 'drain':
        setting.counts.drains += 1;
        this.redeploy(server, place);
    }
  }

  /** SIGTERM: drains, is given up after a while, and comes back as a new process. */
  private redeploy(server: Server, place: number): void {
    const { setting, queue, servers, boot } = this.deps;
    const { world } = setting;
    world.trace(() => `${server.who.name} drains`);
    servers[place] = undefined;
    const leave = (): void => {
      if (server.who.dead) return;
      server.who.dead = true;
      world.trace(() => `${server.who.name} leaves`);
      queue.lost(server.who, true);
    };
    server.who.enter(() => {
      server.pipeline.stop().then(leave, (error: unknown) => world.violate('STOP_FAILED', String(error)));
    });
    world.in(6000, () => server.who.enter(() => server.pipeline.abandon()));
    world.in(9000, leave);
    world.in(world.rng.between(50, 3000), () => boot(place));
  }
}
