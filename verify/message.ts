import { fresh } from './notify.js';
import type { JsonBody, World } from './world.js';

export const PARTITIONS = 16;
export const STREAM = '/api/v1/streams/messages';
/** The longest that pausing takes to be known everywhere. */
export const BEAT_MS = 1_500;

/** The answer to an accept. */
export interface Accepted {
  readonly messageId: string;
  readonly state: string;
  readonly acceptedAt: string;
  readonly idempotentHit: boolean;
}

/** A message as it is told of. */
export interface Stored {
  readonly messageId: string;
  readonly content: string;
  readonly state: string;
}

/** The log as it is told of. */
export interface View {
  readonly paused: boolean;
  readonly partitions: number;
  readonly moving: unknown;
  readonly depth: readonly { readonly partition: number; readonly lag: number; readonly owner: string | null }[];
}

/** A request that is right in every way. */
export function message(change: JsonBody = {}): JsonBody {
  const whose = { conversationId: fresh('room'), senderId: 'user_001', recipientIds: ['user_002'] };
  return { ...whose, content: 'Hello, Phase 3!', contentType: 'text', clientMessageId: fresh('message'), ...change };
}

/** Posts it. @throws Failure unless it is answered with this status */
export async function post(world: World, body: JsonBody, origin = '', status = 202): Promise<Accepted> {
  return (await world.expect<Accepted>(status, `${origin}/api/messages`, { method: 'POST', body })).body;
}

/** A conversation as it is stored. */
export async function history(world: World, conversation: unknown, origin = ''): Promise<readonly Stored[]> {
  const path = `${origin}/api/v1/conversations/${String(conversation)}/messages?limit=100`;
  return (await world.expect<{ data: readonly Stored[] }>(200, path)).body.data;
}

/** The conversation once it has so many. */
export function stored(world: World, conversation: unknown, many: number, origin = ''): Promise<readonly Stored[]> {
  return world.until(`${many} stored`, async () => {
    const all = await history(world, conversation, origin);
    return all.length >= many ? all : null;
  });
}
