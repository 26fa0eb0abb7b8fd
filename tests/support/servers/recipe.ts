import type { Command } from './processes.js';

export type ServerName = 'mongodb' | 'rabbitmq' | 'redis' | 'toxiproxy';
/** Those that tests share, and those that each has for itself. */
export type OwnName = ServerName | 'prometheus' | 'alertmanager';

/** Where one server of ours lives. */
export interface Place {
  readonly dataDir: string;
  /** The one that clients know, then as many more as the recipe wants. */
  readonly ports: readonly number[];
  /** Nobody will kill it and look at its data: it need not wait for the disk. */
  readonly fast: boolean;
  /** RabbitMQ: with its management (HTTP). */
  readonly management: boolean;
}

/** How one kind of server is installed, started on loopback, and known to be ready. */
export interface Recipe {
  readonly name: OwnName;
  /** How many ports it needs besides the one that clients know. */
  readonly morePorts: number;
  /** How long a start may take, in milliseconds: a slow machine with much else to do. */
  readonly readyWithinMs: number;
  readonly stopWithinMs: number;
  /** What it is, for people: product and version. */
  about(): Promise<string>;
  uri(port: number): string;
  /** Writes what it reads at its start, and tells how to start it. Its processes, in the order of their starts. */
  prepare(place: Place): Promise<readonly Command[]>;
  /** Rejects unless it answers a client's question now. */
  ping(uri: string): Promise<void>;
  /** Directories elsewhere that hold data of this place. */
  elsewhere(place: Place): readonly string[];
}
