import type { StreamKey } from '../../ports/stream.js';

/** Most keys are what they are: looking costs less than writing them anew. */
const PLAIN = /^[\w.~-]*$/;

/** A key of a tenant as one word without line breaks: what scripts compare, and what entries carry. */
export function laneOf({ tenant, key }: StreamKey): string {
  return `${tenant} ${PLAIN.test(key) ? key : encodeURIComponent(key)}`;
}

export function keyOf(lane: string): StreamKey {
  const blank = lane.indexOf(' ');
  const key = lane.slice(blank + 1);
  return { tenant: lane.slice(0, blank), key: key.includes('%') ? decodeURIComponent(key) : key };
}
