import type { Clock, Timers } from '../../ports/clock.js';
import type { WakeUpQueue } from '../../ports/queue.js';
import type { StorePorts } from '../../ports/store-ports.js';
import type { StreamPorts } from '../../ports/stream.js';
import { EmbeddedDesk } from './desk.js';
import { GroupCommit } from './group-commit.js';
import { HotRecords } from './hot-records.js';
import { EmbeddedInbox } from './inbox.js';
import { EmbeddedKeys } from './keys.js';
import { EmbeddedMessages } from './messages.js';
import { openFile } from './open.js';
import { EmbeddedOutbox } from './outbox.js';
import { EmbeddedPayloads } from './payloads.js';
import { EmbeddedPeople } from './people.js';
import { EmbeddedQueue } from './queue.js';
import { EmbeddedReader } from './reader.js';
import { EmbeddedRetention } from './retention.js';
import { Rows } from './rows.js';
import { SoleDuties, SoleFleet } from './sole.js';
import { EmbeddedStore } from './store.js';
import { createStream } from './stream.js';
import { Tally } from './tally.js';

const INBOX_KEEP = 1000;
const STREAM_REMEMBER_MS = 5 * 60_000;

export interface EmbeddedOptions {
  /** Directory of `signalbox.db`; made where there is none. */
  readonly dataDir: string;
  /** The store's own clock. */
  readonly clock: Clock;
  /** For wake-ups that were handed back with a delay. */
  readonly timers: Timers;
  /** Items that each person's inbox keeps. Default: 1,000. */
  readonly inboxKeep?: number;
  /** Milliseconds for which the stream recognises a repeat by itself. Default: five minutes. */
  readonly streamRememberMs?: number;
  /** The file or the disk failed: every later call is refused, and the process must be started again. Called once. */
  readonly onFatal: (error: Error) => void;
}

export interface Embedded extends StorePorts {
  readonly queue: WakeUpQueue;
  readonly stream: StreamPorts;
  /** Resolves when the file can be read and nothing has failed so far. */
  probe(): Promise<void>;
  /** Writes what waits, then gives the file up. Twice is fine. */
  close(): Promise<void>;
}

/** Store, outbox and queue in one SQLite file that serves this process alone. Rejects as {@link openFile} does. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { clock, timers, onFatal } = options;
  const file = await openFile(options.dataDir);
  const { database } = file;
  try {
    const tally = new Tally(database);
    const hot = new HotRecords(new Rows(database));
    const onRollback = (): void => {
      hot.clear();
      people.forget();
    };
    const group = new GroupCommit(database, tally, clock, { onFatal, onRollback });
    const people = new EmbeddedPeople(database, group, clock);
    const queue = new EmbeddedQueue(database, group, timers);
    const stream = createStream(database, { group, clock, timers, rememberMs: options.streamRememberMs ?? STREAM_REMEMBER_MS });
    const ping = database.prepare('SELECT count(*) FROM sqlite_schema');
    return {
      store: new EmbeddedStore(database, group, clock, hot, tally),
      reader: new EmbeddedReader(database, group, clock),
      desk: new EmbeddedDesk(database, group),
      outbox: new EmbeddedOutbox(database, group, clock, hot),
      queue,
      stream,
      people,
      inbox: new EmbeddedInbox(database, group, clock, options.inboxKeep ?? INBOX_KEEP),
      messages: new EmbeddedMessages(database, group, clock),
      payloads: new EmbeddedPayloads(database, group),
      keys: new EmbeddedKeys(database, group, clock),
      duties: new SoleDuties(clock),
      fleet: new SoleFleet(clock),
      retention: new EmbeddedRetention(database, group, clock, tally),
      probe: async () => {
        await group.read(() => ping.get());
      },
      close: async () => {
        group.close();
        queue.close();
        stream.close();
        file.close();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}
