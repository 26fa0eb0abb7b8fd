/** The webhook receiver, in a process of its own so that neither the generator's work nor its own delays the other. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '../bench/child.js';
import type { Arrival } from './receiver.js';
import { now } from './stats.js';

let arrivals: Arrival[] = [];

/** The time is taken when the request is there as a whole; the answer follows at once. */
function receive(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.once('end', () => {
    const operationId = request.headers['webhook-id'];
    if (typeof operationId === 'string') arrivals.push({ operationId, at: now(), channel: 'webhook', target: request.url ?? '' });
    response.writeHead(204).end();
  });
}

function listen({ port }: { port: number }): Promise<number> {
  const server = createServer({ keepAliveTimeout: 60_000 }, receive);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** What has arrived since this was last asked. */
function take(): readonly Arrival[] {
  const taken = arrivals;
  arrivals = [];
  return taken;
}

serve({ listen, take });
