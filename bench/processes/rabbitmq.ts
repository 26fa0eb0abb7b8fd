/** Sent and not confirmed, or given and not acked, at any time; of both contestants. */
export const WINDOW = 256;

/** A contestant's process publishes all of them, then consumes them and ticks each off. */
export interface RabbitPass {
  readonly items: number;
  /** Wake-ups in one call of `publish`. */
  readonly each: number;
}

/** The same ids for both; the sequence number is in them. */
export function wakeUpOf(seq: number) {
  return {
    tenant: 'default',
    id: `0192f0c1-7e4c-7a9b-8c1d-${String(seq).padStart(12, '0')}`,
    workload: 'notifications',
    priority: 'normal',
    userId: `user_${seq % 1000}`,
  } as const;
}

export function seqOf(id: string): number {
  return Number(id.slice(-12));
}
