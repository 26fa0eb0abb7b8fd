import { type Answered, Client } from './client.js';
import type { Fleet, Member } from './fleet.js';
import type { FleetUse, Look, MemberUse } from './result.js';
import { now } from './stats.js';

interface Resources {
  readonly cpu: { readonly percent: number };
  readonly memory: { readonly rssBytes: number };
  readonly database: { readonly open?: number };
  readonly queue: { readonly depth: number | null; readonly unacked: number | null; readonly open: number | null };
}

/** What `/metrics` says as JSON. */
export type Metrics = readonly {
  readonly name: string;
  readonly values: readonly { readonly value: number; readonly labels: Readonly<Record<string, unknown>> }[];
}[];

const EVERY_MS = 1000;
/** The first process is looked at each time, the others in turns: each look asks store and queue something, too. */
const OTHERS_EVERY = 5;

/** A counter of `/metrics`: the sum over all its series that have these labels. */
export interface Counter {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const DELIVERED: Counter = { name: 'signalbox_deliveries_settled_total', labels: { status: 'delivered' } };

/** All that a process counts; null where it is not to be had. */
export async function metricsOf(client: Client | null): Promise<Metrics | null> {
  const token = process.env['METRICS_TOKEN'];
  const headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const answered: Answered<Metrics> | undefined = await client?.get<Metrics>('/metrics', headers);
  return answered?.status === 200 ? answered.body : null;
}

/** Since the process started; null where its metrics are not to be had. */
async function read(client: Client | null, { name, labels = {} }: Counter): Promise<number | null> {
  const counter = (await metricsOf(client))?.find((metric) => metric.name === name);
  const wanted = Object.entries(labels);
  const matching = counter?.values.filter((series) => wanted.every(([label, value]) => series.labels[label] === value));
  return matching?.reduce((sum, { value }) => sum + value, 0) ?? null;
}

/** Over the whole fleet; null where not every process tells it. */
export async function totalOf({ members }: Fleet, counter: Counter): Promise<number | null> {
  let total = 0;
  for (const { url } of members) {
    const client = url === null ? null : new Client([url], 2);
    const value = await read(client, counter);
    await client?.close();
    if (value === null) return null;
    total += value;
  }
  return total;
}

/** One process and what it has shown so far. */
class Watched {
  readonly member: Member;
  readonly #client: Client | null;
  readonly #counter: Counter;
  #cpuMs = 0;
  #watchedMs = 0;
  #lookedAt: number | null = null;
  #deliveredBefore: number | null = null;
  /** The last look; 0 before there is one. */
  cpuPercent = 0;
  rssBytes = 0;
  connections = 0;
  #rssMost = 0;
  #connectionsMost = 0;

  constructor(member: Member, counter: Counter) {
    this.member = member;
    this.#counter = counter;
    this.#client = member.url === null ? null : new Client([member.url], 2);
  }

  /** CPU counts from here: the first answer is about the time before. */
  async begin(): Promise<void> {
    this.#deliveredBefore = await read(this.#client, this.#counter);
    await this.look();
  }

  async look(): Promise<Resources['queue'] | null> {
    const answered = await this.#client?.get<Resources>('/resources');
    if (answered?.status !== 200) return null;
    const { cpu, memory, database, queue } = answered.body;
    const at = now();
    if (this.#lookedAt !== null) {
      this.#cpuMs += (cpu.percent / 100) * (at - this.#lookedAt);
      this.#watchedMs += at - this.#lookedAt;
      this.cpuPercent = cpu.percent;
    }
    this.#lookedAt = at;
    this.rssBytes = memory.rssBytes;
    this.connections = database.open ?? 0;
    this.#rssMost = Math.max(this.#rssMost, this.rssBytes);
    this.#connectionsMost = Math.max(this.#connectionsMost, this.connections);
    return queue;
  }

  async use(): Promise<MemberUse> {
    await this.look();
    const after = await read(this.#client, this.#counter);
    const { workerId, roles } = this.member;
    return {
      workerId,
      roles,
      cpuPercent: this.#watchedMs === 0 ? null : (100 * this.#cpuMs) / this.#watchedMs,
      memoryMb: this.#rssMost === 0 ? null : this.#rssMost / 1e6,
      delivered: after === null || this.#deliveredBefore === null ? null : after - this.#deliveredBefore,
      connections: this.#lookedAt === null ? null : this.#connectionsMost,
    };
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }
}

/** Looks at the `/resources` of every process while the load runs. A look that fails leaves a gap. */
export class FleetWatch {
  /** All processes together, each second. */
  readonly looks: Look[] = [];
  readonly #kind: Fleet['kind'];
  readonly #watched: readonly Watched[];
  #ticks = 0;
  #looking = false;
  #timer: NodeJS.Timeout | undefined;
  #queueDepth: number | null = null;
  #connections = 0;

  /** The first of those with the role api gives the backlog. `done`: what a process has done, {@link MemberUse.delivered}. */
  constructor({ kind, members }: Fleet, done = DELIVERED) {
    this.#kind = kind;
    const apis = members.filter(({ roles }) => roles.includes('api'));
    this.#watched = [...apis, ...members.filter((member) => !apis.includes(member))].map((member) => new Watched(member, done));
  }

  async start(): Promise<void> {
    await Promise.all(this.#watched.map((watched) => watched.begin()));
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  /** What the processes used since the start. */
  async stop(): Promise<FleetUse> {
    clearInterval(this.#timer);
    const members = await Promise.all(this.#watched.map((watched) => watched.use()));
    this.#countConnections();
    await Promise.all(this.#watched.map((watched) => watched.close()));
    return { kind: this.#kind, members, queueDepth: this.#queueDepth, connections: this.#connections };
  }

  async #look(): Promise<void> {
    // One that does not answer must not gather questions.
    if (this.#looking) return;
    this.#looking = true;
    const tick = this.#ticks;
    this.#ticks += 1;
    const turn = this.#watched.filter((_watched, place) => place === 0 || place % OTHERS_EVERY === tick % OTHERS_EVERY);
    const [queue] = await Promise.all(turn.map((watched) => watched.look()));
    this.#looking = false;
    this.#countConnections();
    if (queue == null || queue.depth === null || queue.open === null) return;
    this.#queueDepth = Math.max(this.#queueDepth ?? 0, queue.depth);
    const sum = (figure: (watched: Watched) => number): number => this.#watched.reduce((total, each) => total + figure(each), 0);
    this.looks.push({
      at: now(),
      open: queue.open,
      waiting: queue.depth,
      taken: queue.unacked ?? 0,
      cpuPercent: sum(({ cpuPercent }) => cpuPercent),
      rssMiB: sum(({ rssBytes }) => rssBytes) / 2 ** 20,
    });
  }

  #countConnections(): void {
    const open = this.#watched.reduce((sum, { connections }) => sum + connections, 0);
    this.#connections = Math.max(this.#connections, open);
  }
}
