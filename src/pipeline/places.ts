/** Gives the place back. */
export type Leave = () => void;

/** Places at providers: as many calls at a time as each can really take. First come, first served. */
export interface Places {
  /** Resolves when there is a place. `most` undefined: there always is. */
  take(provider: string, most: number | undefined): Promise<Leave>;
}

interface Queue {
  taken: number;
  readonly waiting: (() => void)[];
}

const NOTHING_TO_GIVE_BACK: Leave = () => {};

/**
 * Waiting for a connection happens here, before the intent is stored: an intent says that a call may be under way, and
 * a crash would have to hold everything that only stood in line.
 */
export function createPlaces(): Places {
  const queues = new Map<string, Queue>();
  return {
    async take(provider, most) {
      if (most === undefined) return NOTHING_TO_GIVE_BACK;
      const queue = queues.get(provider) ?? { taken: 0, waiting: [] };
      queues.set(provider, queue);
      if (queue.taken < most) queue.taken += 1;
      // The place is handed over, not given back and taken again: nobody can slip in between.
      else await new Promise<void>((resolve) => queue.waiting.push(resolve));
      return () => {
        const next = queue.waiting.shift();
        if (next !== undefined) return next();
        queue.taken -= 1;
        if (queue.taken === 0) queues.delete(provider);
      };
    },
  };
}
