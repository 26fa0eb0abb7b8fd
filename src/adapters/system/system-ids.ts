import { randomUUID } from 'node:crypto';
import type { Ids } from '../../ports/chance.js';

/** Ids within one millisecond; the next one takes the next millisecond's. */
const COUNTER_MAX = 0xfff;

/**
 * UUIDv7 (RFC 9562 §6.2, method 1: the 12 bits after the time are a counter): in the order of their making within this
 * process, and nearly so between processes. The 62 random bits are those of `randomUUID`, which draws the system's
 * entropy in blocks: a third of the price of drawing them for each id.
 */
export function createSystemIds(): Ids {
  let at = 0;
  let count = 0;
  return {
    next() {
      const now = Date.now();
      if (now > at) {
        at = now;
        count = 0;
      } else if (count < COUNTER_MAX) {
        count += 1;
      } else {
        at += 1;
        count = 0;
      }
      const time = at.toString(16).padStart(12, '0');
      const counter = count.toString(16).padStart(3, '0');
      return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${randomUUID().slice(19)}`;
    },
  };
}
