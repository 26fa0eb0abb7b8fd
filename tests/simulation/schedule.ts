import type { PipelineSettings } from '../../src/pipeline/settings.js';
import { check } from '../../tools/ledger/check.js';
import { Chaos } from './chaos.js';
import { Clients, type Server } from './clients.js';
import type { Configuration } from './configurations.js';
import { type FaultRates, NO_FAULTS, noFaultCounts, weather } from './faults.js';
import { EPOCH, Incarnation, type Setting } from './incarnation.js';
import { Persons, TENANTS, USERS } from './persons.js';
import { processOf, settingsOf } from './process.js';
import { Receivers } from './receivers.js';
import { Referee } from './referee.js';
import { judgeBatches } from './referee-batch.js';
import { judgeChanges } from './referee-people.js';
import { coveredIn, exhaustedIn, judgeRest } from './rest.js';
import { Rng } from './rng.js';
import { SimPeople } from './sim-people.js';
import { SimQueue } from './sim-queue.js';
import { SimStore } from './sim-store.js';
import { BATCHES, natureOf } from './sim-workload.js';
import { runStreamSeed } from './stream/schedule.js';
import type { Verdict } from './verdict.js';
import { World } from './world.js';

/** How long faults go on, and how long everything may take to settle afterwards, in virtual milliseconds. */
const FAULTY_MS = 20_000;
const SETTLED_WITHIN_MS = 300_000;
const STEPS_AT_MOST = 60_000;
const HOUR_MS = 3_600_000;
/** Work that comes in the calm part of each hour of a soak. */
const HOURLY = 12;
/** At rest a process has a few timers: those of a soak may become so many more, but not one more each hour. */
const TIMERS_MORE = 10;
/** So long after the faults a change of someone's choices must have reached all that waits. */
const CHANGES_WITHIN_MS = 25_000;

/** One seed: a world, its processes, its clients, its weather. */
class Schedule {
  readonly world: World;
  private readonly rng: Rng;
  private readonly setting: Setting;
  private readonly settings: PipelineSettings;
  private readonly store: SimStore;
  private readonly people: SimPeople;
  private readonly referee: Referee;
  private readonly queue: SimQueue;
  private readonly receivers: Receivers;
  private readonly clients: Clients;
  private readonly persons: Persons;
  /** The present life of each process; undefined while it is down. */
  private readonly servers: (Server | undefined)[] = [];
  private lives = 0;
  private readonly chaos: Chaos;
  private timersAtFirst: number | undefined;

  constructor(
    private readonly seed: number,
    private readonly configuration: Configuration,
    tracing = false,
    hasty = false,
    /** Virtual hours of a soak: each begins with such faults as a schedule has, and goes on in peace. 0: that one schedule alone. */
    private readonly hours = 0,
  ) {
    this.rng = new Rng(seed);
    this.world = new World(this.rng, tracing, hasty);
    this.setting = {
      world: this.world,
      leaseMs: 3000,
      rates: this.ratesNow(),
      counts: noFaultCounts(),
      onCrash: (who) => this.bury(who),
    };
    this.settings = settingsOf(this.rng, configuration.slowReceivers);
    this.store = new SimStore(() => EPOCH + Math.floor(this.world.now));
    this.people = new SimPeople(() => this.store.now());
    const prompt = configuration.calm && !configuration.slowReceivers && !configuration.crowded;
    this.referee = new Referee(this.world, this.store, this.people, { ...this.settings, prompt });
    this.queue = new SimQueue(this.setting, this.referee);
    this.receivers = new Receivers(this.setting, this.referee, (effect) => {
      const row = this.store.row({ tenant: effect.tenant, id: effect.recordId });
      return row !== undefined && natureOf(row.record).poison === 'send';
    });
    if (configuration.slowReceivers) this.receivers.slowness = this.settings.leaseMs * 2;
    if (configuration.crowded) Object.assign(this.receivers, { crowded: true, slowness: this.settings.sendTimeoutMs * 0.9 });
    const boot = (place: number): void => this.boot(place);
    this.chaos = new Chaos({ setting: this.setting, settings: this.settings, queue: this.queue, servers: this.servers, boot });
    this.persons = new Persons({ world: this.world, server: () => this.anyServer() });
    this.clients = new Clients({
      world: this.world,
      referee: this.referee,
      persons: this.persons,
      server: () => this.anyServer(),
      answersLost: configuration.calm ? 0 : 0.05,
    });
  }

  async run(): Promise<Verdict> {
    const { rng } = this;
    const processes = rng.between(2, 3);
    for (let place = 0; place < processes; place += 1) this.boot(place);
    await this.round();
    for (let hour = 1; hour < this.hours; hour += 1) {
      await this.peace(hour * HOUR_MS);
      this.setting.rates = this.ratesNow();
      await this.round();
    }
    if (this.hours > 0) await this.peace(this.hours * HOUR_MS);
    await this.drainAll();
    return this.verdict();
  }

  /** Work and faults for a while, then none, until all has come to rest. */
  private async round(): Promise<void> {
    const { world, rng, configuration } = this;
    const poison = !configuration.calm && rng.happens(0.3) ? rng.pick(['decide', 'send'] as const) : null;
    // In some seeds all comes at once, so that what is claimed is claimed in company.
    const overMs = rng.happens(0.3) ? 300 : FAULTY_MS * 0.6;
    const batch = rng.happens(0.35) ? rng.between(3, 5) : 0;
    if (batch > 0) this.clients.beginBatch(batch, overMs);
    this.clients.begin(Math.max(2, rng.between(3, 9) - batch), overMs, poison);
    this.letPeopleAct();
    this.chaos.begin();
    await world.run(() => false, { steps: world.steps + STEPS_AT_MOST, until: world.now + FAULTY_MS });
    this.calmDown();
    world.in(CHANGES_WITHIN_MS, () => judgeChanges(world, this.store, this.people));
    await this.settle();
    if (rng.happens(0.5)) {
      this.atTheDesk(1);
      await this.settle();
    }
    if (!this.queue.empty) world.violate('UNSETTLED', `${JSON.stringify(this.queue.depth())} wake-ups are left at rest`);
  }

  /** The rest of an hour of a soak: a little work, no faults, and at its end nothing that has piled up. */
  private async peace(until: number): Promise<void> {
    const { world } = this;
    const lastsMs = until - world.now;
    this.clients.begin(HOURLY, lastsMs - SETTLED_WITHIN_MS, null);
    await world.run(() => false, { steps: world.steps + 10 * STEPS_AT_MOST, until });
    if (world.now < until - SETTLED_WITHIN_MS) world.violate('TIME_STANDS_STILL', `at ${world.now} of ${until} ms`);
    if (!this.atRest()) world.violate('UNSETTLED', `something is open or waits after ${until / HOUR_MS} h`);
    const { waiting } = world;
    this.timersAtFirst ??= waiting;
    if (waiting > this.timersAtFirst + TIMERS_MORE)
      world.violate('TIMERS_PILE_UP', `${waiting} at rest, ${this.timersAtFirst} after the first hour`);
    world.trace(() => `${until / HOUR_MS} h: ${this.store.rows.size} records, ${waiting} timers`);
  }

  private ratesNow(): FaultRates {
    const rates = this.configuration.calm ? NO_FAULTS : weather(this.rng);
    return { ...rates, ...Object.fromEntries(this.configuration.without.map((name) => [name, 0])) };
  }

  /** In some seeds people choose how they are reached, before anything is sent or while it waits; in some the desk is busy early. */
  private letPeopleAct(): void {
    const { world, rng } = this;
    // The referee knows quiet hours of the first minutes only, and they come again the next day.
    if (this.hours === 0 && rng.happens(0.5)) {
      for (let change = rng.between(2, 4); change > 0; change -= 1) {
        const [tenant, userId] = [rng.pick(TENANTS), rng.pick(USERS)];
        world.in(rng.happens(0.4) ? 0 : rng.between(0, FAULTY_MS - 1000), () => this.persons.choose(tenant, userId));
      }
    }
    if (rng.happens(0.4)) world.in(rng.between(3000, FAULTY_MS - 1000), () => this.atTheDesk(0.7));
  }

  private settle(): Promise<void> {
    const bounds = { steps: this.world.steps + STEPS_AT_MOST * 2, until: this.world.now + SETTLED_WITHIN_MS };
    return this.world.run(() => this.atRest(), bounds);
  }

  private atRest(): boolean {
    if (this.clients.busy + this.persons.busy > 0 || !this.queue.empty) return false;
    for (const { record } of this.store.rows.values()) if (record.dueAt !== null) return false;
    return true;
  }

  /** Some process that takes requests. */
  private anyServer(): Server | undefined {
    const up = this.servers.filter((server) => server !== undefined);
    return up.length === 0 ? undefined : this.rng.pick(up);
  }

  private boot(place: number): void {
    const { world, rng, settings, configuration } = this;
    this.lives += 1;
    const skew = configuration.calm ? 0 : rng.pick([0, 0, 0, -3_600_000, 3_600_000, rng.between(-2000, 2000)]);
    const who = new Incarnation(this.setting, `p${place}.${this.lives}`, skew, world.now - rng.between(0, 1_000_000));
    world.trace(() => `${who.name} starts, its clock ${skew} ms off`);
    const server = processOf(who, {
      setting: this.setting,
      settings,
      store: this.store,
      people: this.people,
      queue: this.queue,
      referee: this.referee,
      receivers: this.receivers,
      outbox: (inner) => configuration.outbox(inner, this.store),
      policy: this.seed % 4 === 0 ? 'assume-delivered' : 'hold',
    });
    this.servers[place] = server;
    world.touch();
    server.pipeline.start();
  }

  /** A process died: the broker notices after a while, and it is started again after a while. */
  private bury(who: Incarnation): void {
    const { world, rng } = this;
    const place = this.servers.findIndex((server) => server?.who === who);
    if (place >= 0) this.servers[place] = undefined;
    world.in(rng.between(10, 1000), () => this.queue.lost(who, true));
    if (place >= 0) world.in(rng.between(50, 3000), () => this.boot(place));
  }

  private calmDown(): void {
    this.chaos.end();
    this.world.trace(() => 'no more faults');
    this.setting.rates = NO_FAULTS;
    for (const server of this.servers) if (server !== undefined) server.who.cutOffUntil = 0;
  }

  /** What waits for a person: what is held is resolved, what is dead goes out again, unless it would kill whoever takes it. */
  private atTheDesk(share: number): void {
    const { rng, persons } = this;
    for (const { record } of [...this.store.rows.values()]) {
      for (const { id, status } of record.deliveries) {
        if ((status !== 'held' && status !== 'dead') || !rng.happens(share)) continue;
        if (status === 'held') persons.resolve(record, id);
        else if (natureOf(record).poison === undefined) persons.redrive(record, id);
      }
    }
  }

  /** At rest a drain has nothing to wait for. */
  private async drainAll(): Promise<void> {
    const { world } = this;
    const up = this.servers.filter((server) => server !== undefined);
    let stopped = 0;
    world.touch();
    for (const { who, pipeline } of up) who.enter(() => void pipeline.stop().then(() => (stopped += 1)));
    await world.run(() => stopped === up.length, { steps: world.steps + STEPS_AT_MOST, until: world.now + 15_000 });
    if (stopped < up.length) world.violate('STOP_HANGS', `${up.length - stopped} of ${up.length} processes do not stop at rest`);
  }

  private verdict(): Verdict {
    const { world, store, seed } = this;
    // A batch's effects are records, and judged as such; what receivers see is judged by its notifications.
    const rows = [...store.rows.values()].filter(({ record }) => record.workload !== BATCHES);
    const kept = rows.map(({ record, ledger }) => ({ ...record, ledger }));
    const report = check({ answers: this.clients.answers, seen: this.receivers.log, kept });
    for (const violation of report.violations) world.violate(violation.kind, `${violation.subject}: ${violation.detail}`);
    judgeRest(world, store, this.configuration.calm);
    judgeBatches(world, store);
    return {
      covered: { ...coveredIn(store) },
      exhausted: exhaustedIn(store),
      seed,
      violations: world.violations,
      report,
      counts: this.setting.counts,
      steps: world.steps,
      trace: world.traceLines,
    };
  }
}

/** @param hasty ends the schedule with the first rule that is broken */
export function runSeed(seed: number, configuration: Configuration, tracing = false, hasty = false): Promise<Verdict> {
  if (configuration.protocol === 'stream') return runStreamSeed(seed, tracing, hasty);
  return new Schedule(seed, configuration, tracing, hasty).run();
}

/** A fleet that lives for so many virtual hours, every one of them with a spell of faults. */
export function runSoak(seed: number, configuration: Configuration, hours: number, tracing = false): Promise<Verdict> {
  return new Schedule(seed, configuration, tracing, false, hours).run();
}
