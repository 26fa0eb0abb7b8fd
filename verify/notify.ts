import { randomUUID } from 'node:crypto';
import { Failure, hold, Unmeasured } from './check.js';
import type { JsonBody, World } from './world.js';

/** A delivery as the API tells of it. */
export interface Told {
  readonly deliveryId: string;
  readonly channel: string;
  readonly recipient: string;
  readonly status: string;
  readonly reason: string | null;
  readonly operationId: string;
  readonly dueAt: string | null;
  readonly settledAt: string | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly attempts: readonly {
    readonly attempt: number;
    readonly startedAt: string;
    readonly endedAt: string | null;
    readonly result: string | null;
    readonly worker: string;
    readonly operationId: string;
  }[];
}

export interface Notification {
  readonly notificationId: string;
  readonly userId: string;
  readonly status: string;
  readonly priority: string;
  readonly acceptedAt: string;
  readonly scheduledFor: string | null;
  readonly requestId: string | null;
  readonly lock: {
    readonly lockedBy: string | null;
    readonly lockToken: number;
    readonly lockedUntil: string | null;
    readonly claims: number;
  };
  readonly deliveries: readonly Told[];
}

export interface Accepted {
  readonly notificationId: string;
  readonly status: string;
  readonly acceptedAt: string;
  readonly idempotentHit: boolean;
}

/** Where to post, on whichever server. */
export const NOTIFICATIONS = '/api/v1/notifications';

const REST: ReadonlySet<string> = new Set(['delivered', 'skipped', 'expired', 'cancelled', 'dead', 'held', 'partial']);
const AT_A_TIME = 10;

/** A name that nobody has used before. */
export function fresh(what: string): string {
  return `verify-${what}-${randomUUID().slice(0, 8)}`;
}

/** A request that is right in every way; to the inbox, which every site has. */
export function request(change: JsonBody = {}): JsonBody {
  return { userId: fresh('user'), channels: ['in-app'], subject: 'Acceptance', body: 'Sent by npm run verify', ...change };
}

/** Accepts it at this server, the front where none is named, and gives the id. @throws Failure unless it is accepted as new */
export async function accept(
  world: World,
  change: JsonBody = {},
  at = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { body } = await world.expect<Accepted>(202, at + NOTIFICATIONS, { method: 'POST', body: request(change), headers });
  hold(typeof body?.notificationId === 'string', 'an accepted notification to have an id', body);
  return body.notificationId;
}

export async function read(world: World, id: string, at = ''): Promise<Notification> {
  const { body } = await world.expect<Notification>(200, `${at}${NOTIFICATIONS}/${id}`);
  hold(body?.notificationId === id && Array.isArray(body.deliveries), `notification ${id} with its deliveries`, body);
  return body;
}

/** Waits until it is in this state. */
export function reaches(world: World, id: string, status: string, withinMs?: number, at = ''): Promise<Notification> {
  return world.until(
    `${id} to be ${status}`,
    async () => {
      const told = await read(world, id, at);
      if (told.status === status) return told;
      // What has come to rest elsewhere will not move any more.
      if (REST.has(told.status)) throw new Failure(`${id} to be ${status}`, `${told.status} ${JSON.stringify(told.deliveries)}`);
      return null;
    },
    withinMs,
  );
}

/** Accepts so many, some at a time. */
export async function acceptMany(world: World, many: number, changeOf: (n: number) => JsonBody): Promise<readonly string[]> {
  const ids: string[] = [];
  const left = Array.from({ length: many }, (_, n) => n).values();
  const sender = async (): Promise<void> => {
    for (const n of left) ids.push(await accept(world, changeOf(n)));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, sender));
  return ids;
}

/** Waits for all of them. */
export async function allReach(world: World, ids: readonly string[], status: string, withinMs?: number): Promise<readonly Notification[]> {
  const told: Notification[] = [];
  const left = ids.values();
  const reader = async (): Promise<void> => {
    for (const id of left) told.push(await reaches(world, id, status, withinMs));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, reader));
  return told;
}

/** The first delivery. */
export function delivery(of: Notification): Told {
  const [first] = of.deliveries;
  hold(first !== undefined, `${of.notificationId} to have a delivery`, of);
  return first;
}

/** From accepted to settled. */
export function tookMs(of: Notification): number {
  return Date.parse(delivery(of).settledAt ?? '') - Date.parse(of.acceptedAt);
}

interface Page {
  readonly data: readonly { readonly itemId: string; readonly notificationId?: string }[];
}

/** How many items of these operations the inbox of their person has. */
export async function inInbox(world: World, userId: string, operationIds: ReadonlySet<string>): Promise<number> {
  const { body } = await world.expect<Page>(200, `/api/v1/users/${userId}/inbox?limit=100`);
  return body.data.filter(({ itemId }) => operationIds.has(itemId)).length;
}

interface Effect {
  readonly operationId: string;
  readonly duplicates: number;
  readonly requestId: string | null;
}

/** The development receiver that stands in for all providers. */
export class Sink {
  private constructor(
    private readonly world: World,
    private readonly url: string,
    /** Where senders reach it. */
    private readonly address: string,
  ) {}

  /** @throws Unmeasured where the site has none */
  static of(world: World): Sink {
    const { sink, sinkAddress } = world.site;
    if (sink === null) throw new Unmeasured('nothing here stands in for a provider (the sink): see --target embedded');
    return new Sink(world, `${sink}/sink`, `${sinkAddress ?? sink}/sink`);
  }

  webhook(name: string): string {
    return `${this.address}/webhook/${name}`;
  }

  /** A notification to this webhook. */
  to(name: string, change: JsonBody = {}): JsonBody {
    return { channels: ['webhook'], to: { webhook: this.webhook(name) }, ...change };
  }

  /** How it answers from now on, until the check is over. */
  async behave(name: string, steps: readonly JsonBody[], then: 'ok' | JsonBody = 'ok', channel = 'webhook'): Promise<void> {
    this.world.atEnd(() =>
      this.world.call(`${this.url}/behaviour?channel=${channel}&name=${encodeURIComponent(name)}`, { method: 'DELETE' }),
    );
    await this.world.expect(200, `${this.url}/behaviour`, { method: 'PUT', body: { channel, name, steps, then } });
  }

  /** What it took under this operation id. */
  async effects(operationId: string): Promise<readonly Effect[]> {
    const { body } = await this.world.expect<{ readonly effects: readonly Effect[] }>(
      200,
      `${this.url}/deliveries?operationId=${encodeURIComponent(operationId)}`,
    );
    return body.effects;
  }
}
