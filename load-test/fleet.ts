import { hostname } from 'node:os';
import type { Client } from './client.js';

/** One process of what is loaded. */
export interface Member {
  readonly workerId: string;
  readonly roles: readonly string[];
  /** Where its `/resources` and `/metrics` are; null: it has no HTTP server. */
  readonly url: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** What is behind the server that answers. */
export interface Fleet {
  /** One process with a store of its own, or processes that share MongoDB. */
  readonly kind: 'embedded' | 'cluster';
  readonly members: readonly Member[];
}

interface Listed {
  readonly data: readonly {
    readonly workerId: string;
    readonly roles: readonly string[];
    readonly host: string;
    readonly port: number | null;
    readonly startedAt: string;
  }[];
}

interface Own {
  readonly worker?: string;
  readonly uptimeSeconds?: number;
  readonly database?: { readonly driver?: string };
}

const ALL_ROLES = ['api', 'worker', 'scheduler', 'janitor'];

/** Asks the server who else there is. One that keeps no registry is alone; one that tells nothing of itself is known by its registry. */
export async function askFleet(client: Client): Promise<Fleet> {
  const [own, listed] = await Promise.all([client.get<Own | null>('/resources'), client.get<Listed>('/api/v1/fleet')]);
  const { worker = 'signalbox', uptimeSeconds = 0, database } = own.body ?? {};
  const others = listed.status === 200 && listed.body.data.length > 1;
  const kind = (database?.driver ?? (others ? 'shared' : 'embedded')) === 'embedded' ? 'embedded' : 'cluster';
  const alone: Member = { workerId: worker, roles: ALL_ROLES, url: client.url, startedAt: Date.now() - uptimeSeconds * 1000 };
  if (kind === 'embedded' || listed.status !== 200 || listed.body.data.length === 0) return { kind, members: [alone] };
  const members = listed.body.data.map(({ workerId, roles, host, port, startedAt }) => ({
    workerId,
    roles,
    // Who tells us nothing of itself stands in an inner network, and the others with it.
    url: port === null || own.status !== 200 ? null : `http://${addressOf(host)}:${port}`,
    startedAt: Date.parse(startedAt),
  }));
  return { kind, members: members.sort((a, b) => a.workerId.localeCompare(b.workerId, 'en', { numeric: true })) };
}

/** How many processes of the fleet have the role. */
export function countOf({ members }: Fleet, role: 'api' | 'worker'): number {
  return members.filter(({ roles }) => roles.includes(role)).length;
}

/** A machine may not know its own name as an address. */
function addressOf(host: string): string {
  return host === hostname() || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
