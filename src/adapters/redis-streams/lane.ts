import type { StreamKey } from '../../ports/stream.js';

/** A key of a tenant as one word without line breaks: what scripts compare, and what entries carry. */
export function laneOf({ tenant, key }: StreamKey): string {
  return `${tenant} ${encodeURIComponent(key)}`;
}

export function keyOf(lane: string): StreamKey {
  const blank = lane.indexOf(' ');
  return { tenant: lane.slice(0, blank), key: decodeURIComponent(lane.slice(blank + 1)) };
}
