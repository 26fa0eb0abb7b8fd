import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSystemClock } from '../../src/adapters/system/system-clock.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import type { Effect } from '../../src/ports/channel.js';

export const clock = createSystemClock();
export const timers = createSystemTimers();

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const OTHER_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

export function effectTo(recipient: string, changes: Partial<Effect> = {}): Effect {
  return {
    operationId: 'op-0123456789abcdef',
    tenant: 'default',
    recordId: 'ntf-1',
    userId: 'user_001',
    recipient,
    subject: 'Your order has shipped',
    body: 'It left the warehouse at 9.',
    data: { order: 42 },
    category: 'orders',
    unsubscribeUrl: null,
    acceptedAt: 1_764_579_600_000,
    attempt: 1,
    correlation: { requestId: 'req-77', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    ...changes,
  };
}

/** A signal that never fires. */
export function noAbort(): AbortSignal {
  return new AbortController().signal;
}

/** A TCP server on loopback whose every connection is handled by `serve`. */
export interface RawServer {
  readonly port: number;
  /** Connections accepted so far. */
  connections(): number;
  stop(): Promise<void>;
}

export async function startRawServer(serve: (socket: Socket) => void, port = 0, host = '127.0.0.1'): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => accepted,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await closeServer(server);
    },
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A loopback port that nobody listens on. */
export async function unusedPort(): Promise<number> {
  const server = await startRawServer(() => {});
  await server.stop();
  return server.port;
}

/** Resolves when `server` has been reached as often as asked; a signal to wait on instead of sleeping. */
export class Signals {
  readonly #counts = new Map<string, number>();
  readonly #waiting: Array<{ readonly name: string; readonly count: number; resolve(): void }> = [];

  raise(name: string): void {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    for (const waiter of this.#waiting) if (waiter.name === name && count >= waiter.count) waiter.resolve();
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  raised(name: string, count = 1): Promise<void> {
    if (this.count(name) >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ name, count, resolve }));
  }
}
