import { Gauge, type Registry } from 'prom-client';

/** Somebody counts for three to four of these. */
const SLICE_MS = 5 * 60_000;
const SLICES = 4;
/** Of each slice; beyond, the number is too small rather than the memory too large. */
const MOST = 100_000;

export interface ActivePeople {
  /** Something was accepted for this person. */
  seen(tenant: string, userId: string | null): void;
}

/**
 * How many people something was accepted for lately. Each process counts its own; behind a balancer the same person may
 * count at several, so the truth lies between the largest and the sum.
 */
export function activePeople(registry: Registry, now: () => number = Date.now): ActivePeople {
  let slices: { readonly since: number; readonly people: Set<string> }[] = [];
  const forget = (): void => {
    const oldest = Math.floor(now() / SLICE_MS) - SLICES;
    slices = slices.filter(({ since }) => since > oldest);
  };
  new Gauge({
    name: 'signalbox_active_users',
    help: 'People for whom this process accepted something in the last 15 to 20 minutes.',
    registers: [registry],
    collect() {
      forget();
      this.set(new Set(slices.flatMap(({ people }) => [...people])).size);
    },
  });
  return {
    seen(tenant, userId) {
      if (userId === null) return;
      const since = Math.floor(now() / SLICE_MS);
      let latest = slices.at(-1);
      if (latest?.since !== since) {
        forget();
        latest = { since, people: new Set() };
        slices.push(latest);
      }
      if (latest.people.size < MOST) latest.people.add(`${tenant}\n${userId}`);
    },
  };
}
