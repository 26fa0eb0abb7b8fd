/** What the runner and the contestants of the MongoDB cases agree upon. */

import type { Draft } from '../../src/ports/store.js';
import { draftOf } from '../../tests/contracts/drafts.js';
import type { Spent } from '../meter.js';

/** Connections of one process; both contestants have as many commands under way as that. */
export interface Opening {
  readonly uri: string;
  readonly connections: number;
  /** Make the collection and its indexes first. */
  readonly migrate: boolean;
}

export interface ClaimPass {
  readonly worker: string;
  /** Sequence numbers, in the batches in which they are to be claimed. */
  readonly batches: readonly (readonly number[])[];
}

/** Wall clock of this machine, milliseconds since the epoch. */
export interface Claimed {
  readonly seqs: readonly number[];
  readonly startedAt: number;
  readonly endedAt: number;
  readonly cpuMicros: number;
}

export interface WritePass {
  readonly items: number;
  readonly inFlight: number;
}

export interface Written {
  readonly accept: Spent;
  readonly commit: Spent;
}

export const TENANT = 'bench';
/** Longer than any pass. */
export const LEASE_MS = 600_000;
const BODY = 'Your parcel has left the sorting centre and will be with you tomorrow between 9 and 12. '.repeat(3);

export function draftNo(seq: number): Draft {
  const id = `0192f0c1-7e4c-7a9b-8c1d-${String(seq).padStart(12, '0')}`;
  return draftOf({ id, tenant: TENANT, userId: `user_${seq % 1000}`, createdAt: Date.now(), body: BODY });
}

export function seqOf(id: string): number {
  return Number(id.slice(-12));
}

/** `each` for 0 … n−1, so many of them at a time. */
export async function lanes(n: number, inFlight: number, each: (place: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < n) {
      const place = next;
      next += 1;
      await each(place);
    }
  };
  await Promise.all(Array.from({ length: Math.min(n, inFlight) }, lane));
}

/** Measures a stretch of claiming in one of several processes. */
export async function claiming(work: (claimed: (id: string) => void) => Promise<void>): Promise<Claimed> {
  const seqs: number[] = [];
  const clock = (): number => performance.timeOrigin + performance.now();
  const startedAt = clock();
  const before = process.cpuUsage();
  await work((id) => void seqs.push(seqOf(id)));
  const { user, system } = process.cpuUsage(before);
  return { seqs, startedAt, endedAt: clock(), cpuMicros: user + system };
}
