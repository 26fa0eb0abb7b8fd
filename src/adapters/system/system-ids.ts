import { v7 } from 'uuid';
import type { Ids } from '../../ports/chance.js';

/** UUIDv7: in the order of their making within this process, and nearly so between processes. */
export function createSystemIds(): Ids {
  return { next: () => v7() };
}
