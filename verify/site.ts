import type { TargetName } from './check.js';

/** A server that a site may take away from its processes for a moment. */
export interface Stoppable {
  readonly uri: string;
  /** Connections stay, nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export type ServerName = 'mongodb' | 'rabbitmq' | 'redis';

/** A page that asks for a name and a password. */
export interface Console {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** What is measured: addresses and means, whatever is behind them. */
export interface Site {
  readonly target: TargetName;
  /** Where clients of ours go: the balancer where there is one. */
  readonly front: string;
  /** Where everybody's clients come in; over plain HTTP it may tell its health alone. Null: there is no balancer. */
  readonly balancer: string | null;
  readonly apis: readonly string[];
  /** Health servers of processes without an API. */
  readonly workers: readonly string[];
  /** How many of each there are to be. */
  readonly expected: { readonly apis: number; readonly workers: number };
  /** Where what is sent to people arrives, without the path `/sink`; null: unknown. */
  readonly sink: string | null;
  /** The same for those who send, where that is another address. */
  readonly sinkAddress: string | null;
  readonly pollIntervalMs: number;
  readonly apiKey: string | null;
  readonly metricsToken: string | null;
  readonly management: Console | null;
  readonly prometheus: string | null;
  readonly alertmanager: string | null;
  readonly grafana: Console | null;
  /** Those that this run has started, and may take away. */
  readonly servers: Readonly<Record<ServerName, Stoppable>> | null;
  /** Of the supervisor; null: none. */
  readonly clusterDirectory: string | null;
  /** How a compose command begins, e.g. `docker compose -f docker-compose.scale.yml`; null: no containers. */
  readonly compose: readonly string[] | null;
  /** Settings for commands that are to reach the same servers. */
  readonly environment: Readonly<Record<string, string>>;
  /** From the start to ready, of what this run has started. */
  readonly startMs: number | null;
  /** One line for a person. */
  readonly about: string;
  /** Log lines of all its processes. */
  logs(): Promise<readonly string[]>;
  end(): Promise<void>;
}
