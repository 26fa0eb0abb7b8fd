import { type FrozenBuild, freezeBuild } from '../../support/frozen-build.js';
import { type Seeded, seeded } from '../../support/seeded.js';
import { type OwnServer, startOwn } from '../../support/servers/own.js';
import { type SinkProcess, startSinkProcess } from '../../support/sink-process.js';
import { freePort, until } from '../stage.js';
import { type FleetLoad, type OfferOf, startLoad } from './load.js';
import { Member, type MemberRole } from './member.js';
import { openProxy, type ServerProxy } from './proxy.js';
import { settingsOf } from './settings.js';
import type { Work } from './work.js';

export type ServerName = 'mongodb' | 'rabbitmq' | 'redis';
const SERVERS: readonly ServerName[] = ['mongodb', 'rabbitmq', 'redis'];

/** How a drill is to be run; what the command line gives goes before what the drill says. */
export interface Scale {
  /** New offers a second. */
  readonly rate: number;
  /** How long the fault lasts, where it is one that lasts. */
  readonly seconds: number;
  /** How often the fault happens, where it happens again. */
  readonly cycles: number;
  readonly apis: number;
  readonly workers: number;
  readonly leaseMs: number;
  readonly seed: number;
}

export interface StageOptions extends Scale {
  /** Where the directory of the run is made. */
  readonly parent: string;
  /** Settings of every process, on top of the stage's own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Servers that the fleet reaches through a proxy only. */
  readonly proxied?: readonly ServerName[];
  readonly work: Work;
  /** Left out: as the work has it. */
  readonly offerOf?: OfferOf;
  readonly say: (line: string) => void;
}

/** One fault. Milliseconds since the epoch; of one that is over at once, such as a kill, `from` and `to` are the same. */
export interface Fault {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** What was offered up to its end must have come to rest so long after it; null: not judged. */
  readonly drainedWithinMs: number | null;
}

const START_AT_A_TIME = 2;
/** Nothing that is due waits longer than this: caught up. */
const CAUGHT_UP_MS = 500;
/** Long enough for a provider on a busy machine, short enough for a lease. */
const SEND_SHARE = 0.7;

/** Real servers, real processes of a fleet on them, a receiver, and clients: everything that a drill needs, and its end. */
export class Stage {
  readonly faults: Fault[] = [];
  /** What must hold and does not, as the drill itself has seen it. */
  readonly failures: string[] = [];
  /** Figures for the scorecard, in the drill's own words. */
  readonly figures: (readonly [string, string | number])[] = [];
  readonly random: Seeded;
  readonly #members: Member[] = [];
  readonly #urls: string[] = [];
  #load: FleetLoad | undefined;
  /** Not the drill's own chance: which ports are free is this machine's affair, and a seed could not repeat it. */
  readonly #portsDrawn = seeded(process.pid);

  private constructor(
    readonly options: StageOptions,
    readonly build: FrozenBuild,
    readonly sink: SinkProcess,
    readonly servers: Readonly<Record<ServerName, OwnServer>>,
    readonly proxies: Readonly<Partial<Record<ServerName, ServerProxy>>>,
    private readonly toxiproxy: OwnServer | null,
  ) {
    this.random = seeded(options.seed);
  }

  /** Starts all of it, the load excepted. What was started is ended again where something does not start. */
  static async open(options: StageOptions): Promise<Stage> {
    const build = await freezeBuild(options.parent);
    const undo: (() => Promise<unknown>)[] = [build.remove];
    try {
      const sink = await startSinkProcess(build.directory);
      undo.unshift(() => sink.stop());
      const started = await Promise.all(SERVERS.map((name) => startOwn(name)));
      undo.unshift(...started.map((server) => () => server.dispose()));
      const [mongodb, rabbitmq, redis] = started as [OwnServer, OwnServer, OwnServer];
      const servers = { mongodb, rabbitmq, redis };
      const wanted = options.proxied ?? [];
      const toxiproxy = wanted.length === 0 ? null : await startOwn('toxiproxy');
      if (toxiproxy !== null) undo.unshift(() => toxiproxy.dispose());
      const proxies: Partial<Record<ServerName, ServerProxy>> = {};
      for (const name of wanted) proxies[name] = await openProxy(toxiproxy?.uri ?? '', name, new URL(servers[name].uri).host);
      const stage = new Stage(options, build, sink, servers, proxies, toxiproxy);
      undo.unshift(() => stage.#endMembers());
      await stage.#startMembers();
      return stage;
    } catch (error) {
      for (const each of undo) await each().catch(() => undefined);
      throw error;
    }
  }

  get directory(): string {
    return this.build.directory;
  }

  get leaseMs(): number {
    return this.options.leaseMs;
  }

  get sendTimeoutMs(): number {
    return Math.floor(this.leaseMs * SEND_SHARE);
  }

  get load(): FleetLoad {
    if (this.#load === undefined) throw new Error('no load yet');
    return this.#load;
  }

  /** All that are part of the fleet, in the order of their names, running or not. */
  get apis(): readonly Member[] {
    return this.#members.filter((member) => member.role === 'api');
  }

  get workers(): readonly Member[] {
    return this.#members.filter((member) => member.role === 'worker');
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  say(line: string): void {
    this.options.say(line);
  }

  fail(line: string): void {
    this.failures.push(line);
    this.say(`  ! ${line}`);
  }

  figure(name: string, value: string | number): void {
    this.figures.push([name, value]);
  }

  startLoad(): void {
    const { rate, seed, work } = this.options;
    const offerOf = this.options.offerOf ?? work.offerOf;
    const run = `drill-${seed}`;
    this.#load = startLoad({
      rate,
      seeded: seeded(seed + 1),
      run,
      urls: () => this.#urls,
      sinkUrl: this.sink.httpUrl,
      ...(work.accepts === undefined ? {} : { accepts: work.accepts }),
      ...(offerOf === undefined ? {} : { offerOf }),
    });
  }

  /** A new process of the fleet, not started yet. */
  async add(role: MemberRole, settings: Readonly<Record<string, string>> = {}): Promise<Member> {
    const name = `${role}-${this.#members.filter((member) => member.role === role).length + 1}`;
    const port = await freePort(this.#portsDrawn);
    const addresses = { mongodb: this.#address('mongodb'), rabbitmq: this.#address('rabbitmq'), redis: this.#address('redis') };
    const own = settingsOf(this, addresses);
    const member = new Member({ name, role, directory: this.directory, port, settings: { ...own, ...settings } });
    this.#members.push(member);
    return member;
  }

  /** Takes an API into the balancer's list, or out of it. */
  offerTo(member: Member, yes: boolean): void {
    const at = this.#urls.indexOf(member.url);
    if (yes && at === -1) this.#urls.push(member.url);
    if (!yes && at !== -1) this.#urls.splice(at, 1);
  }

  /** Something bad happens: from when to when, and by when all must be over. */
  async fault<T>(name: string, drainedWithinMs: number | null, happen: () => Promise<T>): Promise<T> {
    this.say(`${name} …`);
    const from = Date.now();
    const result = await happen();
    const fault = { name, from, to: Date.now(), drainedWithinMs };
    this.faults.push(fault);
    return result;
  }

  /** Of something that was over at once, and is known about only now. */
  struck(name: string, at: number, drainedWithinMs: number | null): void {
    this.faults.push({ name, from: at, to: at, drainedWithinMs });
  }

  /** Resolves when so much time has passed: the load goes on meanwhile. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Waits until nothing that is due waits for long any more (`longMs`). False: not within that time. */
  async caughtUp(withinMs: number, longMs = CAUGHT_UP_MS): Promise<boolean> {
    return until(withinMs, async () => {
      const queue = await this.backlog();
      // An API that cannot reach the store does not know, which is not nothing.
      return queue !== null && queue.oldestDueMs !== null && queue.oldestDueMs < longMs;
    });
  }

  /** As any API tells it; null where none does. */
  async backlog(): Promise<Backlog | null> {
    for (const api of this.apis.filter((member) => member.running)) {
      const told = await this.options.work.backlog(api);
      if (told !== null) return told;
    }
    return null;
  }

  /** Ends every process in order; each must leave with exit code 0. */
  async endMembers(): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (const role of ['api', 'worker'] as const) {
      const running = this.#members.filter((member) => member.role === role && member.running);
      const ended = await Promise.all(running.map(async (member) => ({ member, how: await member.stop() })));
      for (const { member, how } of ended) {
        if (how?.code !== 0) wrong.push(`${member.name} did not end in order: ${how?.signal ?? `exit code ${how?.code}`}`);
      }
    }
    return wrong;
  }

  /** Ends what is left. @param keep the directory with data and logs stays */
  async close(keep: boolean): Promise<void> {
    await this.#endMembers();
    await this.sink.stop();
    await Promise.all([...Object.values(this.servers), ...(this.toxiproxy === null ? [] : [this.toxiproxy])].map((one) => one.dispose()));
    if (!keep) await this.build.remove();
  }

  async #endMembers(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  /** The first alone: it brings the store up to date. */
  async #startMembers(): Promise<void> {
    for (let index = 0; index < this.options.apis; index += 1) await this.add('api');
    for (let index = 0; index < this.options.workers; index += 1) await this.add('worker');
    const [first, ...others] = this.#members;
    await first?.start();
    for (let at = 0; at < others.length; at += START_AT_A_TIME) {
      await Promise.all(others.slice(at, at + START_AT_A_TIME).map((member) => member.start()));
    }
    for (const api of this.apis) this.offerTo(api, true);
  }

  #address(name: ServerName): string {
    const uri = new URL(this.servers[name].uri);
    const proxy = this.proxies[name];
    if (proxy !== undefined) uri.host = proxy.address;
    return uri.href;
  }
}

export interface Backlog {
  /** Null: whoever was asked does not know. */
  readonly open: number | null;
  readonly oldestDueMs: number | null;
  readonly depth: number;
  readonly unacked: number;
}
