import { Redis as Client } from 'ioredis';
import type { Chance } from '../../ports/chance.js';

/** Also a first connection is waited for no longer. */
export const CONNECT_MS = 1000;
/** A server that was asked and says nothing for so long is dead to us: the socket is closed and a new one tried. */
const SILENT_MS = 3000;
/** A server that does not end its side of a closed connection is not waited for any longer. */
const CLOSE_MS = 500;
const RETRY_FIRST_MS = 50;
/** Tried at least this often, so that a server which is back is found within about a second. */
const RETRY_LAST_MS = 1000;

export type OnConnection = (event: 'connected' | 'disconnected' | 'reconnected', detail: string) => void;

/** Everything that is asked of the server goes through it: a circuit breaker, say. */
export type Guard = <T>(call: () => Promise<T>) => Promise<T>;

export interface ConnectOptions {
  readonly url: string;
  readonly name: string;
  readonly chance: Chance;
  /** Time limit of a command. */
  readonly answerMs: number;
}

/**
 * A connection that is made anew again and again until it is closed. A command is answered or rejected within `answerMs`;
 * while there is no connection it is rejected at once: nothing waits in memory, and nothing is sent twice.
 */
export function connect({ url, name, chance, answerMs }: ConnectOptions): Client {
  return new Client(url, {
    // What Redis takes for a name has neither spaces nor anything beyond ASCII.
    connectionName: name.replace(/[^\x21-\x7e]/g, '-'),
    connectTimeout: CONNECT_MS,
    disconnectTimeout: CLOSE_MS,
    commandTimeout: answerMs,
    socketTimeout: SILENT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Who listens subscribes by itself.
    autoResubscribe: false,
    retryStrategy: (times) => Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(times, 10)) * (0.5 + chance.next() / 2),
    // After a failover the address may lead to a server that has become a replica: look for the primary.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
}

/** Resolves when the connection is really over; nothing reconnects afterwards. */
export function disconnect(client: Client): Promise<void> {
  return new Promise((resolve) => {
    client.once('end', () => resolve());
    // Between two tries there is nothing to end, and nobody would say so.
    if (client.status === 'end' || client.status === 'reconnecting') resolve();
    client.disconnect();
  });
}

/**
 * Tells when all of them stand, and when one no longer does; a server that is away from the start is told of as well.
 * @returns resolves with the first news, good or bad
 */
export function watchConnections(clients: readonly Client[], onConnection: OnConnection): Promise<void> {
  let state: 'unknown' | 'up' | 'down' = 'unknown';
  let stoodBefore = false;
  let lastError = 'the server closed the connection';
  return new Promise((resolve) => {
    const up = (): void => {
      if (state === 'up' || clients.some(({ status }) => status !== 'ready')) return;
      state = 'up';
      onConnection(stoodBefore ? 'reconnected' : 'connected', placeOf(clients[0]));
      stoodBefore = true;
      resolve();
    };
    const down = (): void => {
      if (state === 'down') return;
      state = 'down';
      onConnection('disconnected', `${placeOf(clients[0])}: ${lastError}`);
      resolve();
    };
    for (const client of clients) {
      client.on('ready', up);
      client.on('close', down);
      client.on('error', (error: Error) => {
        lastError = error.message;
      });
    }
  });
}

/** Where, without credentials. */
function placeOf(client: Client | undefined): string {
  const { host, port } = client?.options ?? {};
  return `${host ?? 'localhost'}:${port ?? 6379}`;
}
