import type { PayloadStore } from '../../ports/payloads.js';
import type { StreamDesk, StreamKey, StreamLog } from '../../ports/stream.js';
import { fromEntry } from './envelope.js';

interface Waiting {
  readonly log: Pick<StreamLog, 'waits'>;
  readonly desk: Pick<StreamDesk, 'get'>;
}

type Dead = Pick<StreamDesk, 'dead' | 'get' | 'redrive' | 'discard'>;

/**
 * Whether content that was put away for a message is needed by nobody: neither by anything of its conversation that waits, nor by a
 * dead letter of it. Where in doubt it is kept: a payload too many costs room, one too few a message.
 */
export async function isLeftOver({ log, desk }: Waiting, { id, ...key }: StreamKey & { readonly id: string }): Promise<boolean> {
  const isDead = async (): Promise<boolean> => (await desk.get(key.tenant, id)) !== null;
  // Asked on both sides of the log: it may just be going from one to the other.
  return !(await isDead()) && !(await log.waits(key)) && !(await isDead());
}

/** The dead letters; content that waits for one goes with it when it is discarded. */
export function discardingContent(desk: Dead, log: Pick<StreamLog, 'waits'>, payloads: Pick<PayloadStore, 'remove'>): Dead {
  return {
    dead: (query) => desk.dead(query),
    get: (tenant, id) => desk.get(tenant, id),
    redrive: (tenant, id) => desk.redrive(tenant, id),
    async discard(tenant, id) {
      const dead = await desk.get(tenant, id);
      const discarded = await desk.discard(tenant, id);
      const payloadKey = dead === null ? null : (fromEntry({ ...dead, entry: '' })?.payloadKey ?? null);
      if (dead !== null && payloadKey !== null && (await isLeftOver({ log, desk }, dead))) await payloads.remove([payloadKey]);
      return discarded;
    },
  };
}
