import { createStreamConsumer, type StreamConsumer } from '../../../src/pipeline/stream-consume.js';
import type { StreamSettings } from '../../../src/pipeline/stream-settings.js';
import type { StreamPorts } from '../../../src/ports/stream.js';
import { NO_FAULTS, noFaultCounts, weather } from '../faults.js';
import { EPOCH, Incarnation, type Setting } from '../incarnation.js';
import { Rng } from '../rng.js';
import type { Verdict } from '../verdict.js';
import { World } from '../world.js';
import { StreamClients } from './clients.js';
import { laneOf } from './entries.js';
import { StreamReferee } from './referee.js';
import { handlerOf } from './sim-handler.js';
import { type SharedStream, sharedStream, streamOf } from './sim-ports.js';
import { SimStream } from './sim-stream.js';
import { balanceOf } from './verdict.js';

const FAULTY_MS = 20_000;
const SETTLED_WITHIN_MS = 300_000;
const STEPS_AT_MOST = 60_000;
const PARTITIONS = 4;

/** One life of one process. */
interface Life {
  readonly who: Incarnation;
  readonly ports: StreamPorts;
  readonly consumer: StreamConsumer;
}

/** One seed of the stream's protocol: owners that come, go and die over a log that keeps its promises. */
class StreamSchedule {
  readonly world: World;
  private readonly rng: Rng;
  private readonly setting: Setting;
  private readonly settings: StreamSettings;
  private readonly stream: SimStream;
  private readonly referee: StreamReferee;
  private readonly shared: SharedStream;
  private readonly clients: StreamClients;
  private readonly store = { down: false };
  private readonly lives: (Life | undefined)[] = [];
  private born = 0;
  private faulty = true;
  private calmSince: number | null = null;
  readonly covered = { repartitioned: 0, pauses: 0, storeDown: 0, released: 0, redriven: 0 };

  constructor(
    private readonly seed: number,
    tracing: boolean,
    hasty: boolean,
  ) {
    this.rng = new Rng(seed);
    this.world = new World(this.rng, tracing, hasty);
    this.setting = {
      world: this.world,
      leaseMs: 3000,
      rates: weather(this.rng),
      counts: noFaultCounts(),
      onCrash: (who) => this.bury(who),
    };
    this.settings = {
      leaseMs: 3000,
      beatMs: 500,
      batchSize: this.rng.pick([1, 3, 8]),
      pollMs: 2000,
      maxRetries: this.rng.pick([1, 3]),
      maxDeliveries: 5,
      backoffMs: 200,
      backoffMaxMs: 2000,
      afterDeath: this.rng.pick(['continue', 'hold']),
      keep: this.rng.pick([0, 5]),
      partitions: PARTITIONS,
    };
    this.stream = new SimStream(() => EPOCH + Math.floor(this.world.now));
    this.referee = new StreamReferee(this.world, this.stream);
    this.shared = sharedStream(this.stream, this.referee);
    this.clients = new StreamClients(this.world, this.referee, () => this.anyLife()?.ports.log);
  }

  async run(): Promise<Verdict> {
    const { world, rng } = this;
    const processes = rng.between(2, 3);
    for (let place = 0; place < processes; place += 1) this.boot(place);
    this.clients.begin();
    this.letPeopleAct();
    if (this.setting.rates.chaosPerSecond > 0) this.chaos();
    await world.run(() => false, { steps: STEPS_AT_MOST, until: FAULTY_MS });
    this.calmDown();
    await this.settle();
    if (this.settings.afterDeath === 'hold' || rng.happens(0.5)) {
      this.atTheDesk();
      // What a person has just asked for is on its way still, and nothing seems to wait.
      await this.world.run(() => false, { steps: STEPS_AT_MOST * 2, until: this.world.now + 1000 });
      await this.settle();
    }
    // In peace everybody keeps what is theirs.
    await this.world.run(() => false, { steps: STEPS_AT_MOST * 3, until: this.world.now + 5 * this.setting.leaseMs });
    this.referee.judgeRest(new Set([...this.shared.dead.values()].map(({ id }) => id)), this.settings.afterDeath);
    await this.drainAll();
    return this.verdict();
  }

  private letPeopleAct(): void {
    const { world, rng, covered } = this;
    const by = (act: (ports: StreamPorts) => Promise<unknown>) => (): void => {
      const life = this.anyLife();
      if (life === undefined) return;
      world.touch();
      act(life.ports).catch(() => undefined);
    };
    if (rng.happens(0.5)) {
      covered.repartitioned += 1;
      world.in(
        rng.between(1000, FAULTY_MS - 4000),
        by((ports) => ports.control.repartition(rng.pick([2, 8]))),
      );
    }
    if (rng.happens(0.3)) {
      covered.pauses += 1;
      world.in(
        rng.between(1000, 8000),
        by((ports) => ports.control.pause(true)),
      );
    }
    if (rng.happens(0.3)) {
      covered.storeDown += 1;
      const at = rng.between(1000, 10_000);
      world.in(at, () => (this.store.down = true));
      world.in(at + rng.between(500, 6000), () => (this.store.down = false));
    }
  }

  private anyLife(): Life | undefined {
    const up = this.lives.filter((life) => life !== undefined);
    return up.length === 0 ? undefined : this.rng.pick(up);
  }

  private boot(place: number): void {
    const { world, rng, setting } = this;
    this.born += 1;
    const skew = rng.pick([0, 0, -3_600_000, 3_600_000]);
    const who = new Incarnation(setting, `p${place}.${this.born}`, skew, world.now - rng.between(0, 1_000_000));
    world.trace(() => `${who.name} starts`);
    const ports = streamOf(who, this.shared);
    const consumer = createStreamConsumer({
      ...ports,
      clock: who.clock,
      timers: who.timers,
      chance: { next: () => rng.next() },
      watch: (fact) => {
        const { calmSince } = this;
        if (fact.kind !== 'partition' || fact.state !== 'lost' || calmSince === null || world.now < calmSince + 3 * setting.leaseMs) return;
        world.violate('PARTITION_LOST', `${who.name} lost partition ${fact.partition}, and nothing has gone wrong for a while`);
      },
      // As in a fleet: a process that comes back has the name of the one that went.
      worker: `p${place}`,
      settings: this.settings,
      handle: handlerOf(who, this.referee, this.store),
    });
    this.lives[place] = { who, ports, consumer };
    world.touch();
    consumer.start();
  }

  private bury(who: Incarnation): void {
    const place = this.lives.findIndex((life) => life?.who === who);
    if (place < 0) return;
    this.lives[place] = undefined;
    this.world.in(this.rng.between(50, 5000), () => this.boot(place));
  }

  private chaos(): void {
    const { world, rng, setting } = this;
    world.in(Math.ceil((-Math.log(1 - rng.next()) * 1000) / setting.rates.chaosPerSecond), () => {
      if (!this.faulty) return;
      const place = rng.between(0, this.lives.length - 1);
      const life = this.lives[place];
      if (life !== undefined) this.befall(life, place);
      this.chaos();
    });
  }

  private befall({ who, consumer }: Life, place: number): void {
    const { world, rng, setting } = this;
    switch (rng.pick(['crash', 'pause', 'pause', 'cut', 'drain'] as const)) {
      case 'crash':
        who.crash('kill -9');
        return;
      case 'pause':
        who.pause(rng.between(100, 3 * setting.leaseMs));
        return;
      case 'cut':
        setting.counts.cuts += 1;
        who.cutOffUntil = world.now + rng.between(100, 2 * setting.leaseMs);
        return;
      case 'drain':
        setting.counts.drains += 1;
        this.lives[place] = undefined;
        who.enter(() => void consumer.stop().then(() => (who.dead = true)));
        world.in(6000, () => who.enter(() => consumer.abandon()));
        world.in(9000, () => (who.dead = true));
        world.in(rng.between(50, 3000), () => this.boot(place));
    }
  }

  private calmDown(): void {
    this.faulty = false;
    this.calmSince = this.world.now;
    this.world.trace(() => 'no more faults');
    this.setting.rates = NO_FAULTS;
    this.store.down = false;
    this.stream.paused = false;
    for (const life of this.lives) if (life !== undefined) life.who.cutOffUntil = 0;
  }

  /** Held keys are released; what is dead and does not kill goes out again. */
  private atTheDesk(): void {
    const { world, covered } = this;
    const life = this.anyLife();
    if (life === undefined) return;
    world.touch();
    const { desk } = life.ports;
    for (const { id, tenant } of [...this.shared.dead.values()]) {
      if (this.referee.meant.get(id)?.nature !== 'refused') continue;
      covered.redriven += 1;
      desk.redrive(tenant, id).catch(() => undefined);
    }
    for (const { tenant, key, dueAt } of [...this.stream.parked.values()]) {
      if (dueAt !== null) continue;
      covered.released += 1;
      desk.release({ tenant, key }).catch(() => undefined);
    }
  }

  private settle(): Promise<void> {
    return this.world.run(() => this.atRest(), { steps: STEPS_AT_MOST * 2, until: this.world.now + SETTLED_WITHIN_MS });
  }

  private atRest(): boolean {
    if (this.clients.busy > 0 || this.stream.layout.epoch !== this.stream.layout.opened) return false;
    const held = (lane: string): boolean => this.stream.parked.get(lane)?.dueAt === null;
    return this.stream.entries.every((entry) => entry.state === 'settled' || (entry.state === 'parked' && held(laneOf(entry.draft))));
  }

  private async drainAll(): Promise<void> {
    const { world } = this;
    const up = this.lives.filter((life) => life !== undefined);
    let stopped = 0;
    world.touch();
    for (const { who, consumer } of up) who.enter(() => void consumer.stop().then(() => (stopped += 1)));
    await world.run(() => stopped === up.length, { steps: STEPS_AT_MOST * 3, until: world.now + 15_000 });
    if (stopped < up.length) world.violate('STOP_HANGS', `${up.length - stopped} of ${up.length} processes do not stop at rest`);
  }

  private verdict(): Verdict {
    const { world, referee, covered } = this;
    const meant = [...referee.meant.values()];
    const dead = meant.filter(({ everDead }) => everDead);
    const killers = dead.filter(({ nature }) => nature === 'kills').length;
    return {
      seed: this.seed,
      violations: world.violations,
      report: { violations: [], balance: balanceOf(meant, new Set([...this.shared.dead.values()].map(({ id }) => id))) },
      counts: this.setting.counts,
      exhausted: { killers, innocents: referee.innocents },
      covered: {
        ...covered,
        reclaimed: referee.reclaimed,
        stale: referee.staleRefused,
        trimmed: this.stream.trimmed,
        dead: dead.length,
        innocents: referee.innocents,
      },
      steps: world.steps,
      trace: world.traceLines,
    };
  }
}

/** One seed of the configuration `stream`. */
export function runStreamSeed(seed: number, tracing: boolean, hasty: boolean): Promise<Verdict> {
  return new StreamSchedule(seed, tracing, hasty).run();
}
