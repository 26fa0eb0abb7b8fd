import type { Chance } from '../../ports/chance.js';
import type { Timer, Timers } from '../../ports/clock.js';
import type { News } from '../../ports/news.js';
import type { Rates } from '../../ports/rates.js';
import type { ShareRequestLimit } from '../../ports/request-limit.js';
import { CONNECT_MS, connect, disconnect, type Guard, type OnConnection, watchConnections } from './connection.js';
import { type RedisFacts, readFacts } from './facts.js';
import { createNews } from './news.js';
import { createSharedRates } from './rates.js';
import { createSharedLimit } from './request-limit.js';

/** A connection that nobody uses is tried this often: one that was cut silently would stay deaf for ever. */
const LISTEN_CHECK_MS = 5000;
/** Whoever asks about a rate or a limit is about to do something else and does not wait longer. */
const ANSWER_MS = 250;

export interface RedisOptions {
  /** redis:// or rediss://, with its credentials. */
  readonly url: string;
  /** Of this process, for the server's client list. */
  readonly name: string;
  readonly timers: Timers;
  readonly chance: Chance;
  /** Rates of this process alone, for as long as the server does not answer. */
  readonly fallback: Rates;
  /** Left out: every call is made. */
  readonly guard?: Guard;
  /** Time limit of a command, milliseconds. Left out: 250. */
  readonly answerMs?: number;
  /** Told when the connections stand, fall, and stand again. `detail`: where and why, without credentials. */
  readonly onConnection: OnConnection;
}

/** What processes share through a Redis server. Nothing rests on it: while it is away each goes by what it knows itself. */
export interface Redis {
  readonly rates: Rates;
  readonly news: News;
  readonly requestLimit: ShareRequestLimit;
  /** Rejects when the server does not answer (four times `answerMs` at most); never goes through the guard. */
  probe(): Promise<void>;
  /** Rejects when the server does not answer. */
  facts(): Promise<RedisFacts>;
  /** Open connections of this process. */
  connections(): number;
  close(): Promise<void>;
}

/**
 * Connects, and goes on trying for as long as it takes. Resolves with the first connection, with its failure, or after about a
 * second: a server that is away keeps nobody from starting.
 */
export async function openRedis(options: RedisOptions): Promise<Redis> {
  const { name, timers, chance, fallback, guard = (call) => call(), answerMs = ANSWER_MS, onConnection } = options;
  const settings = { url: options.url, chance, answerMs };
  const commands = connect({ ...settings, name });
  const subscriber = connect({ ...settings, name: `${name}:news` });
  const clients = [commands, subscriber];
  const firstNews = watchConnections(clients, onConnection);
  const news = createNews(commands, subscriber);
  const rates = createSharedRates({ client: commands, chance, guard, fallback });

  const ping = (): Promise<unknown> => commands.ping();
  let check: Timer | undefined;
  const listen = (): void => {
    // The answer matters to nobody; that there is none for a while makes the client close the socket and connect anew.
    for (const client of clients) if (client.status === 'ready') client.ping().catch(() => undefined);
    check = timers.after(LISTEN_CHECK_MS, listen);
  };
  listen();
  await inTime(firstNews, timers);
  return {
    rates,
    news,
    requestLimit: (perMinute, own) => createSharedLimit(commands, guard, perMinute, own),
    async probe() {
      // A pause of our own must not look like the server's death.
      await ping().catch(ping).catch(ping).catch(ping);
    },
    facts: () => readFacts(commands),
    connections: () => clients.filter(({ status }) => status === 'ready' || status === 'connect').length,
    async close() {
      check?.cancel();
      for (const client of clients) client.removeAllListeners('close');
      await Promise.all(clients.map(disconnect));
    },
  };
}

function inTime(news: Promise<void>, timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    const timer = timers.after(2 * CONNECT_MS, resolve);
    void news.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
