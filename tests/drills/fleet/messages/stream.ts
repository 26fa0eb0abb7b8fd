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

/** How many partitions each has. */
export function sharesOf({ depth }: StreamStatus): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  for (const { owner } of depth) if (owner !== null && owner !== '') shares.set(owner, (shares.get(owner) ?? 0) + 1);
  return shares;
}

/** As an operator would. @throws Error where it is not taken */
export async function order<T>({ apis }: Stage, path: string, body: object = {}): Promise<T> {
  const api = apis.find((member) => member.running);
  const response = await fetch(`${api?.url}${path}`, {
    method: 'POST',
    headers: { ...keyHeaders(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ASK_MS),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
