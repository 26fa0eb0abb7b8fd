import type { Clock, Timers } from '../../ports/clock.js';
import type { StreamPorts } from '../../ports/stream.js';
import type { GroupCommit } from './group-commit.js';
import type { Database } from './sqlite.js';
import { StreamArrivals } from './stream-arrivals.js';
import { EmbeddedStreamDesk } from './stream-desk.js';
import { EmbeddedStreamLog } from './stream-log.js';
import { EmbeddedPartitionLeases, EmbeddedStreamControl } from './stream-owners.js';
import { StreamRows } from './stream-rows.js';

/** A stream on the data file. */
export interface EmbeddedStream extends StreamPorts {
  /** Nobody waits for anything new any longer. */
  close(): void;
}

interface Deps {
  readonly group: GroupCommit;
  readonly clock: Clock;
  readonly timers: Timers;
  /** So long a repeat is recognised by the stream alone. */
  readonly rememberMs: number;
}

export function createStream(database: Database, { group, clock, timers, rememberMs }: Deps): EmbeddedStream {
  const rows = new StreamRows(database);
  const arrivals = new StreamArrivals(timers);
  const deps = { group, clock, rows, arrivals };
  const control = new EmbeddedStreamControl(database, deps);
  const leases = new EmbeddedPartitionLeases(database, deps, control);
  return {
    log: new EmbeddedStreamLog(database, { ...deps, owns: (hold) => leases.owns(hold), rememberMs }),
    leases,
    control,
    desk: new EmbeddedStreamDesk(database, deps),
    close: () => arrivals.close(),
  };
}
