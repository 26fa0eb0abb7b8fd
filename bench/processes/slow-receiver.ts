/** A webhook receiver that answers each request after a while: the handler of those that are measured. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '../child.js';

/** Milliseconds since the epoch, and the last part of the path. */
export interface Taken {
  readonly at: number;
  readonly name: string;
}

let taken: Taken[] = [];

function listen({ answerAfterMs }: { answerAfterMs: number }): Promise<number> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume();
    request.once('end', () => {
      taken.push({ at: performance.timeOrigin + performance.now(), name: request.url?.split('/').at(-1) ?? '' });
      setTimeout(() => response.writeHead(204).end(), answerAfterMs);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

serve({
  listen,
  count: () => taken.length,
  /** All since this was last asked. */
  take: () => {
    const all = taken;
    taken = [];
    return all;
  },
});
