import { Redis as Client } from 'ioredis';
import { SignalboxError } from '../../errors.js';
import type { Chance } from '../../ports/chance.js';

const CONNECT_MS = 1000;
/** A server that was asked and says nothing for so long beyond an answer's time is dead to us. */
const SILENT_MS = 3000;
const CLOSE_MS = 500;
const RETRY_FIRST_MS = 50;
/** Tried at least this often, so that a server which is back is found within about a second. */
const RETRY_LAST_MS = 1000;

export interface ConnectOptions {
  readonly url: string;
  /** Logical database; null: as the URL says. */
  readonly db: number | null;
  readonly name: string;
  readonly chance: Chance;
  /** Time limit of a command. */
  readonly answerMs: number;
  /** Whether commands of one turn go out together. */
  readonly gather: boolean;
}

/**
 * A connection that is made anew again and again until it is closed. A command is answered or rejected within `answerMs`, and at
 * once while there is no connection: nothing waits in memory, and nothing is sent twice.
 */
export function connect({ url, db, name, chance, answerMs, gather }: ConnectOptions): Client {
  return new Client(url, {
    ...(db === null ? {} : { db }),
    connectionName: name.replace(/[^\x21-\x7e]/g, '-'),
    connectTimeout: CONNECT_MS,
    disconnectTimeout: CLOSE_MS,
    commandTimeout: answerMs,
    socketTimeout: answerMs + SILENT_MS,
    enableOfflineQueue: false,
    enableAutoPipelining: gather,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
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
    if (client.status === 'end' || client.status === 'reconnecting' || client.status === 'wait') resolve();
    client.disconnect();
  });
}

/** What a server says that cannot do its work now, and may later. */
const AWAY = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|BUSY |NOREPLICAS)/;

/** What went wrong, as everybody else knows it. A mistake of ours stays what it is. */
export function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SignalboxError) return error;
  const answered = error.name === 'ReplyError';
  if (answered && error.message.includes('OOM '))
    return new SignalboxError('store-full', 'The stream Redis has no memory left.', { cause: error });
  if (answered && !AWAY.test(error.message)) return error;
  return new SignalboxError('store-unavailable', `The stream Redis does not answer: ${error.message}`, { cause: error });
}

export function isNoGroup(error: unknown): boolean {
  return error instanceof Error && error.message.includes('NOGROUP');
}
