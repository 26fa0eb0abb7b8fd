import { createServer } from 'node:net';
import { ClusterError } from './options.js';
import { type PlanOptions, processSpec } from './plan.js';
import { SharedSink } from './shared-sink.js';
import { type ProcessSpec, type ProcessState, Supervised, type Surround } from './supervised.js';

/** A line for a person about what goes on. */
export type Tell = (line: string) => void;

export interface SupervisorOptions extends Omit<PlanOptions, 'counts' | 'sink'> {
  readonly apis: number;
  readonly workers: number;
  /** Items that the sink remembers; null: there is none. */
  readonly sinkKeep: number | null;
  /** On which address the processes listen. */
  readonly listenHost: string;
  readonly readyWithinMs: number;
  readonly around: Surround;
}

/** One process as `status` shows it. */
export interface ProcessStatus {
  readonly name: string;
  readonly kind: ProcessSpec['kind'];
  readonly state: ProcessState;
  readonly pid: number | null;
  readonly port: number | null;
  /** How often it died and was started again. */
  readonly restarts: number;
  /** ISO 8601; null: never. */
  readonly startedAt: string | null;
  readonly lastExit: string | null;
}

type Kind = 'api' | 'worker';

/** Keeps a fleet on this machine. One operation at a time; `stop` ends any other. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #plan: PlanOptions;
  readonly #sink: SharedSink | null;
  readonly #sinkProcess: Supervised | null;
  readonly #fleet: Record<Kind, Supervised[]> = { api: [], worker: [] };
  #wanted: { api: number; worker: number };
  #busy: string | null = null;
  #stopping: Promise<boolean> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#wanted = { api: options.apis, worker: options.workers };
    this.#sink = options.sinkKeep === null ? null : new SharedSink(options, options.sinkKeep);
    this.#sinkProcess = this.#sink === null ? null : new Supervised(this.#sink.spec, options.around);
    this.#plan = { ...options, counts: () => this.#wanted, sink: () => this.#sink?.settings(options.variables) ?? {} };
  }

  get sinkPage(): string | null {
    return this.#sink?.page ?? null;
  }

  /** What is being done at this moment; null: nothing. */
  get busy(): string | null {
    return this.#stopping === undefined ? this.#busy : 'stop';
  }

  status(): readonly ProcessStatus[] {
    return this.#all().map((each) => ({
      name: each.spec.name,
      kind: each.spec.kind,
      state: each.state,
      pid: each.pid,
      port: each.spec.port,
      restarts: each.restarts,
      startedAt: each.startedAt === 0 ? null : new Date(each.startedAt).toISOString(),
      lastExit: each.lastExit,
    }));
  }

  /**
   * Starts everything. Resolves when all are ready or have had their time to be: one that is not yet is told of, and
   * goes on trying. Rejects with ClusterError when a port is taken or a setting is refused.
   */
  start(tell: Tell): Promise<void> {
    return this.#alone('start', async () => {
      await this.#checkPorts('api', this.#wanted.api);
      await this.#checkPorts('worker', this.#wanted.worker);
      if (this.#sinkProcess !== null) await this.#startOne(this.#sinkProcess, tell);
      const added = (['api', 'worker'] as const).flatMap((kind) => this.#add(kind, this.#wanted[kind]));
      // The first brings the store's indexes up to date, and finds out alone what is wrong for all.
      const [first, ...others] = added;
      if (first !== undefined) await this.#startFirst(first, tell);
      await Promise.all(others.map((each) => this.#startFirst(each, tell)));
    });
  }

  async #startFirst(one: Supervised, tell: Tell): Promise<void> {
    await this.#startOne(one, tell).catch((error: unknown) => {
      if (!(error instanceof ClusterError) || error.exitCode === 2 || this.#stopping !== undefined) throw error;
      tell(error.message);
    });
  }

  /** Starts or ends processes of one kind until there are `count`; the highest numbers go. */
  scale(kind: Kind, count: number, tell: Tell): Promise<void> {
    return this.#alone('scale', async () => {
      const before = this.#fleet[kind].length;
      if (count > before) await this.#checkPorts(kind, count);
      this.#wanted = { ...this.#wanted, [kind]: count };
      tell(`${before} → ${count} ${kind === 'api' ? 'APIs' : 'workers'}`);
      if (count > before) {
        await Promise.all(this.#add(kind, count).map((each) => this.#startOne(each, tell)));
        return;
      }
      const leaving = this.#fleet[kind].slice(count);
      await Promise.all(leaving.map((each) => this.#stopOne(each, tell)));
      this.#fleet[kind].splice(count);
    });
  }

  /** Ends one process in order and starts it again. */
  restart(name: string, tell: Tell): Promise<void> {
    return this.#alone('restart', async () => {
      const found = this.#all().find((each) => each.spec.name === name);
      if (found === undefined) throw new ClusterError(`there is no process ${name}; there are ${this.#names()}`);
      await this.#renew(found, tell);
    });
  }

  /**
   * One after another, the next only when the one before is ready again. Workers first: they then understand what a newer
   * API may write, while a newer worker understands the older API anyway.
   */
  restartRolling(tell: Tell): Promise<void> {
    return this.#alone('restart', async () => {
      const all = [...this.#fleet.worker, ...this.#fleet.api];
      for (const [at, each] of all.entries()) {
        tell(`${at + 1} of ${all.length}: ${each.spec.name}`);
        await this.#renew(each, tell);
      }
    });
  }

  /**
   * Ends everything in order: the APIs first, since what they accepted after the workers would lie until the next start;
   * then the workers, who hand back or finish what they hold; the sink last, which they send to.
   * Resolves with whether nobody had to be killed.
   */
  stop(tell: Tell): Promise<boolean> {
    this.#stopping ??= this.#stopAll(tell);
    return this.#stopping;
  }

  /** Kills everything at once. */
  kill(): void {
    for (const each of this.#all()) each.kill();
  }

  async #stopAll(tell: Tell): Promise<boolean> {
    const clean: boolean[] = [];
    const sink = this.#sinkProcess === null ? [] : [this.#sinkProcess];
    for (const part of [this.#fleet.api, this.#fleet.worker, sink]) {
      clean.push(...(await Promise.all(part.map((each) => this.#stopOne(each, tell)))));
    }
    return clean.every((each) => each);
  }

  async #alone(name: string, work: () => Promise<void>): Promise<void> {
    if (this.busy !== null) throw new ClusterError(`${this.busy} is under way`);
    this.#busy = name;
    try {
      await work();
    } finally {
      this.#busy = null;
    }
  }

  #all(): Supervised[] {
    return [...this.#fleet.api, ...this.#fleet.worker, ...(this.#sinkProcess === null ? [] : [this.#sinkProcess])];
  }

  #names(): string {
    return this.#all()
      .map((each) => each.spec.name)
      .join(', ');
  }

  /** New ones up to `count`, not yet started. */
  #add(kind: Kind, count: number): Supervised[] {
    const fleet = this.#fleet[kind];
    const added: Supervised[] = [];
    while (fleet.length < count) {
      const one = new Supervised(processSpec(kind, fleet.length + 1, this.#plan), this.#options.around);
      fleet.push(one);
      added.push(one);
    }
    return added;
  }

  async #startOne(one: Supervised, tell: Tell): Promise<void> {
    if (this.#stopping !== undefined) throw new ClusterError('cut short: the cluster is being stopped');
    const { name, port } = one.spec;
    const startedAt = Date.now();
    one.start();
    if (await one.untilReady(this.#options.readyWithinMs)) {
      tell(`${name} is ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s${port === null ? '' : ` on port ${port}`}`);
      return;
    }
    if (one.state === 'refused') throw new ClusterError(`${name} refuses its settings: ${one.complaint}`, 2);
    if (this.#stopping !== undefined) throw new ClusterError('cut short: the cluster is being stopped');
    throw new ClusterError(
      `${name} is not ready after ${this.#options.readyWithinMs / 1000} s: ${one.complaint || one.lastExit || 'see its log'}`,
    );
  }

  async #stopOne(one: Supervised, tell: Tell): Promise<boolean> {
    const startedAt = Date.now();
    const how = await one.stop();
    if (how !== 'not running') tell(`${one.spec.name} ended ${how} after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    return how !== 'killed';
  }

  async #renew(one: Supervised, tell: Tell): Promise<void> {
    await this.#stopOne(one, tell);
    await this.#startOne(one, tell);
  }

  /** @throws ClusterError naming the first port that cannot be had */
  async #checkPorts(kind: Kind, count: number): Promise<void> {
    for (let index = this.#fleet[kind].length + 1; index <= count; index += 1) {
      const { name, port } = processSpec(kind, index, this.#plan);
      if (port === null) continue;
      if (port > 65_535)
        throw new ClusterError(`${name} would need port ${port}, which does not exist: use fewer, or a lower --${kind}-port`);
      const why = await whyTaken(this.#options.listenHost, port);
      if (why !== null)
        throw new ClusterError(`port ${port}, which ${name} needs, cannot be had (${why}): free it, or choose others with --${kind}-port`);
    }
  }
}

/** null when the port could be had just now. */
function whyTaken(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error && error.code === 'EADDRINUSE' ? 'it is taken' : error.message));
    server.listen({ host, port }, () => server.close(() => resolve(null)));
  });
}
