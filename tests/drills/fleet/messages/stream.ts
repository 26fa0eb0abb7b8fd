import { keyHeaders } from '../../../../src/config/client-key.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';

/** The log as an API tells of it. */
export interface StreamStatus {
  readonly epoch: number;
  readonly partitions: number;
  readonly moving: object | null;
  readonly depth: readonly {
    readonly partition: number;
    readonly lag: number;
    readonly pending: number;
    readonly parked: number;
    readonly oldestMs: number;
    readonly owner: string | null;
    readonly fence: number | null;
  }[];
}

const ASK_MS = 5_000;

export function streamOf(api: Member): Promise<StreamStatus | null> {
  return api.get<StreamStatus>('/api/v1/streams/messages', ASK_MS);
}

/** The first API that tells it; null where none does. */
export async function streamOfAny({ apis }: Stage): Promise<StreamStatus | null> {
  for (const api of apis.filter((member) => member.running)) {
    const told = await streamOf(api);
    if (told !== null) return told;
  }
  return null;
}

/** Whether each of these has its share of the partitions, give or take one, and nobody else has any. */
export function isShared(status: StreamStatus | null, among: readonly string[]): boolean {
  if (status === null) return false;
  const owners = status.depth.map(({ owner }) => owner);
  const shares = among.map((name) => owners.filter((owner) => owner === name).length);
  const all = shares.reduce((sum, share) => sum + share, 0) === owners.length;
  return all && Math.max(...shares) - Math.min(...shares) <= 1;
}

/** As an operator or a sender would. @throws Error where it is not taken */
export async function order<T>({ apis }: Stage, path: string, body: object | string = {}): Promise<T> {
  const api = apis.find((member) => member.running);
  const response = await fetch(`${api?.url}${path}`, {
    method: 'POST',
    headers: { ...keyHeaders(), 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(ASK_MS),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
