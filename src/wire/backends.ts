import type { Embedded } from '../adapters/embedded/embedded.js';
import type { Config } from '../config.js';
import type { Chance } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { News } from '../ports/news.js';
import type { Rates } from '../ports/rates.js';
import type { ShareRequestLimit } from '../ports/request-limit.js';
import type { StreamPorts } from '../ports/stream.js';
import type { Watch } from '../ports/watch.js';
import type { Log } from '../telemetry/log.js';

/** The ports of store and queue, whoever stands behind them. */
export type Ports = Omit<Embedded, 'probe' | 'close'>;

/** The servers that a process stands on. */
export interface Backends extends Omit<Ports, 'stream'> {
  /** The log of messages; null: there is no server for it. */
  readonly stream: StreamPorts | null;
  /** Left out where nobody else is there to share with. */
  readonly news?: News;
  readonly rates?: Rates;
  readonly requestLimit?: ShareRequestLimit;
  /** Each rejects when its server does not answer. `redis` is null where there is none. */
  readonly probes: {
    readonly database: () => Promise<unknown>;
    readonly messageQueue: () => Promise<unknown>;
    readonly redis: (() => Promise<unknown>) | null;
  };
  /** What the first word of /health's `redis` is where there is no Redis. */
  readonly kind: 'embedded' | 'cluster';
  /** Connections to the store of this process. */
  connections(): { readonly open: number; readonly inUse: number; readonly limit: number };
  /** Connections to Redis of this process. Left out: there is none. */
  readonly redisConnections?: () => number;
  /** The fleet has so many processes now: what they share is divided anew. */
  share(processes: number): void;
  close(): Promise<void>;
}

export interface BackendOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly log: Log;
  /** Told of the breakers around the servers. */
  readonly watch: Watch;
  readonly onFatal: (error: Error) => void;
  /** Told when the connection to a server comes and goes. */
  readonly connection: (name: string, event: 'connected' | 'disconnected' | 'reconnected') => void;
  /** The rates of this process alone, for when those of the fleet cannot be asked. */
  readonly ownRates: Rates;
}
