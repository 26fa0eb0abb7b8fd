import { createPipeline, type Pipeline } from '../../../src/pipeline/pipeline.js';
import type { PipelineSettings } from '../../../src/pipeline/settings.js';
import type { Channel } from '../../../src/ports/channel.js';
import type { Timers } from '../../../src/ports/clock.js';
import type { Choices, Person } from '../../../src/ports/people.js';
import type { TakenWakeUp, WakeUpQueue } from '../../../src/ports/queue.js';
import type { RecordReader } from '../../../src/ports/reader.js';
import type { Priority } from '../../../src/ports/record.js';
import { createQuietCalendar } from '../../../src/workloads/notifications/quiet-hours.js';
import type { NotificationPayload } from '../../../src/workloads/notifications/schema.js';
import { NOTIFICATIONS, notificationsWorkload } from '../../../src/workloads/notifications/workload.js';
import { Rng } from '../../simulation/rng.js';
import { type SimReads, simReads } from '../../simulation/sim-reads.js';
import { SimStore } from '../../simulation/sim-store.js';
import { World } from '../../simulation/world.js';

/** When this world begins. */
export const BEGIN = Date.UTC(2030, 0, 1);
const TENANT = 'default';
const DAY = 86_400_000;

const SETTINGS: PipelineSettings = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  leaseCapMs: 300_000,
  batchSize: 1000,
  prefetch: 1000,
  // Weeks pass here: nobody is to look every five seconds. What falls due is known, and looked at then.
  pollIntervalMs: DAY,
  republishAfterMs: 60_000,
  sendTimeoutMs: 10_000,
  maxRetries: 3,
  maxThrottles: 20,
  maxClaims: 5,
  backoffMs: 5000,
  backoffMaxMs: 300_000,
  breakerFailures: 5,
  breakerOpenMs: 10_000,
};

/** What is kept free before a window: a call may last its time limit, and its intent is stored first. */
export const MARGIN_MS = SETTINGS.sendTimeoutMs + 1000;

const CRITICAL = ['security', 'account'];

/** One call of a channel, on the store's clock. */
export interface Call {
  readonly recordId: string;
  readonly channel: string;
  readonly begun: number;
  /** When the recipient hears of it. */
  readonly heard: number;
}

export interface Sent {
  readonly userId: string;
  readonly channels: readonly string[];
  readonly priority: Priority;
  readonly category: string;
  readonly expiresAt: number | null;
  readonly scheduledFor: number | null;
}

/**
 * The real pipeline with the real rules, in virtual time and without faults: people with their choices, channels whose
 * recipients take their time. Months pass in a second.
 */
export class PeopleWorld {
  readonly calls: Call[] = [];
  readonly accepted: { readonly id: string; readonly at: number; readonly sent: Sent }[] = [];
  readonly reads: SimReads;
  readonly troubles: string[] = [];
  readonly world: World;
  private readonly people = new Map<string, Person>();
  private readonly store: SimStore;
  private readonly pipeline: Pipeline;
  private readonly rng: Rng;

  constructor(seed: number) {
    this.rng = new Rng(seed);
    this.world = new World(this.rng, false);
    this.store = new SimStore(() => this.now());
    this.reads = simReads(this.store);
    const { rng, store, reads } = this;
    let ids = 0;
    this.pipeline = createPipeline({
      store: {
        accept: (drafts) => this.call(() => store.accept(drafts)),
        claim: (request) => this.call(() => store.claim(request)),
        renew: (leases, leaseMs) => this.call(() => store.renew(leases, leaseMs)),
        commit: (ref, change) => this.call(() => store.commit(ref, change)),
        amend: (key, amendment) => this.call(() => store.amend(key, amendment)),
        requestCancel: (key, event) => this.call(() => store.requestCancel(key, event)),
      },
      reader: this.reader(reads),
      outbox: {
        due: (limit, republishAfterMs) => this.call(() => store.due(limit, republishAfterMs)),
        published: (wakeUps) => this.call(() => store.published(wakeUps)),
      },
      queue: this.queue(),
      clock: { now: () => this.now(), monotonic: () => this.world.now },
      timers: this.timers,
      chance: { next: () => rng.next() },
      ids: {
        next() {
          ids += 1;
          return `id-${String(ids).padStart(8, '0')}`;
        },
      },
      watch: (fact) => {
        if (fact.kind === 'trouble') this.troubles.push(`${fact.where}: ${String(fact.error)}`);
      },
      settings: SETTINGS,
      worker: 'worker',
      workloads: [
        notificationsWorkload({
          channels: ['email', 'webhook', 'sms'].map((name) => this.channel(name)),
          unknownPolicies: {},
          people: { get: ({ userId }) => this.call(() => this.people.get(userId) ?? null) },
          criticalCategories: CRITICAL,
          quietMarginMs: MARGIN_MS,
          // At hand, since virtual time does not wait for a module to be loaded.
          nextWindow: createQuietCalendar(),
        }),
      ],
      consume: true,
    });
  }

  /** The store's clock. */
  now(): number {
    return BEGIN + Math.floor(this.world.now);
  }

  choose(userId: string, choices: Choices): void {
    const version = (this.people.get(userId)?.version ?? 0) + 1;
    this.people.set(userId, { tenant: TENANT, userId, version, updatedAt: this.now(), ...choices });
  }

  /** To be accepted at this instant. */
  send(at: number, sent: Sent): void {
    this.world.in(at - this.now(), () => {
      this.world.touch();
      const targets = sent.channels.map((channel) => ({ channel, recipient: `${sent.userId}@${channel}` }));
      const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());
      const payload: NotificationPayload = {
        category: sent.category,
        subject: null,
        body: 'x',
        data: {},
        scheduledFor: iso(sent.scheduledFor),
        expiresAt: iso(sent.expiresAt),
      };
      const { userId, priority, scheduledFor } = sent;
      const submission = { workload: NOTIFICATIONS, tenant: TENANT, principal: 'test', key: null, userId, priority, payload, targets };
      void this.pipeline
        .accept({ ...submission, scheduledFor, correlation: { requestId: 'r' } })
        .then(({ record }) => this.accepted.push({ id: record.id, at: record.createdAt, sent }));
    });
  }

  /** Runs until then, and gives what went wrong with the world itself. */
  async run(until: number): Promise<readonly string[]> {
    this.world.touch();
    this.pipeline.start();
    await this.world.run(() => false, { steps: Number.MAX_SAFE_INTEGER, until: until - BEGIN });
    return this.troubles;
  }

  /** A call to the store and back takes a few milliseconds; in the middle of them it happens, all at once. */
  private call<T>(apply: () => T): Promise<T> {
    const { world, rng } = this;
    return new Promise((resolve) => {
      world.in(rng.between(1, 4), () => {
        const value = apply();
        world.in(rng.between(1, 4), () => {
          world.touch();
          resolve(value);
        });
      });
    });
  }

  private reader(reads: SimReads): RecordReader {
    return {
      get: (key) => this.call(() => reads.get(key)),
      history: (key) => this.call(() => reads.history(key)),
      list: (query) => this.call(() => reads.list(query)),
      listDeliveries: (query) => this.call(() => reads.listDeliveries(query)),
      delivery: (tenant, id) => this.call(() => reads.delivery(tenant, id)),
      backlog: () => this.call(() => reads.backlog()),
      deliveryCounts: () => this.call(() => reads.deliveryCounts()),
    };
  }

  private readonly timers: Timers = {
    after: (delayMs, fire) => {
      const scheduled = this.world.in(delayMs, () => {
        this.world.touch();
        fire();
      });
      return {
        cancel: () => {
          scheduled.cancelled = true;
        },
      };
    },
  };

  /** One consumer, which gets everything at once. */
  private queue(): WakeUpQueue {
    let take: (wakeUps: readonly TakenWakeUp[]) => void = () => undefined;
    const publish: WakeUpQueue['publish'] = (wakeUps) =>
      this.call(() => {
        const taken = wakeUps.map(
          (wakeUp): TakenWakeUp => ({
            ...wakeUp,
            redeliveries: 0,
            ack: () => Promise.resolve(),
            release: async (delayMs) => void this.world.in(delayMs, () => void publish([wakeUp])),
          }),
        );
        this.world.touch();
        take(taken);
      });
    return {
      publish,
      consume(_prefetch, taker) {
        take = taker;
        return { stop: () => Promise.resolve() };
      },
      depth: () => Promise.resolve({ waiting: 0, taken: 0 }),
    };
  }

  private channel(name: string): Channel {
    return {
      name,
      effectClass: 'idempotent',
      provider: () => name,
      send: (effect) =>
        new Promise((resolve) => {
          const begun = this.now();
          const lastsMs = this.rng.happens(0.2) ? SETTINGS.sendTimeoutMs - 1 : this.rng.between(1, 200);
          this.world.in(lastsMs, () => {
            this.world.touch();
            this.calls.push({ recordId: effect.recordId, channel: name, begun, heard: this.now() });
            resolve({ kind: 'done' });
          });
        }),
    };
  }
}
