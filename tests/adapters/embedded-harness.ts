import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Embedded, openEmbedded } from '../../src/adapters/embedded/embedded.js';
import type { DeskReader } from '../../src/ports/desk.js';
import type { StreamPorts } from '../../src/ports/stream.js';
import type { DutiesHarness } from '../contracts/duties-contract.js';
import type { FleetHarness } from '../contracts/fleet-contract.js';
import type { StoreHarness } from '../contracts/harness.js';
import type { InboxHarness } from '../contracts/inbox-contract.js';
import type { KeysHarness } from '../contracts/keys-contract.js';
import type { MessagesHarness } from '../contracts/messages-contract.js';
import type { PeopleHarness } from '../contracts/people-contract.js';
import type { QueueHarness } from '../contracts/queue-contract.js';
import type { RetentionHarness } from '../contracts/retention-contract.js';
import { PARTITIONS, type StreamHarness } from '../contracts/stream-tester.js';
import { ManualTime } from './manual-time.js';

/** Few, so that a test reaches it. */
export const INBOX_KEEP = 12;

/** A directory that `dispose` removes. */
export function temporaryDirectory(): { path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-test-'));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * The embedded adapter on a manual clock. A crash is what the disk holds at that moment: the files are copied from
 * under the open store, and the copy is opened.
 */
export async function makeEmbedded(): Promise<
  StoreHarness &
    QueueHarness &
    PeopleHarness &
    InboxHarness &
    KeysHarness &
    MessagesHarness &
    DutiesHarness &
    FleetHarness &
    RetentionHarness & { readonly desk: DeskReader; readonly stream: StreamPorts }
> {
  const directory = temporaryDirectory();
  const time = new ManualTime();
  const opened: Embedded[] = [];
  let dataDir = join(directory.path, 'data');
  const open = async (): Promise<Embedded> => {
    const onFatal = (error: Error): void => {
      throw error;
    };
    const embedded = await openEmbedded({ dataDir, clock: time, timers: time, onFatal, inboxKeep: INBOX_KEEP });
    opened.push(embedded);
    return embedded;
  };
  let current = await open();
  return {
    get store() {
      return current.store;
    },
    get reader() {
      return current.reader;
    },
    get desk() {
      return current.desk;
    },
    get outbox() {
      return current.outbox;
    },
    get queue() {
      return current.queue;
    },
    get stream() {
      return current.stream;
    },
    get people() {
      return current.people;
    },
    get inbox() {
      return current.inbox;
    },
    get messages() {
      return current.messages;
    },
    get payloads() {
      return current.payloads;
    },
    get keys() {
      return current.keys;
    },
    get duties() {
      return current.duties;
    },
    get fleet() {
      return current.fleet;
    },
    get retention() {
      return current.retention;
    },
    now: () => time.now(),
    pass: (ms) => time.pass(ms),
    async restart(how) {
      if (how === 'closed') {
        await current.close();
      } else {
        const copy = `${dataDir}-after-crash`;
        cpSync(dataDir, copy, { recursive: true });
        dataDir = copy;
      }
      current = await open();
    },
    async dispose() {
      for (const embedded of opened) await embedded.close();
      directory.dispose();
    },
  };
}

/** The stream of it, made. There is one process, so another sees the same. */
export async function makeEmbeddedStream(): Promise<StreamHarness> {
  const embedded = await makeEmbedded();
  await embedded.stream.control.prepare(PARTITIONS);
  return {
    get stream() {
      return embedded.stream;
    },
    another: async () => embedded.stream,
    pass: embedded.pass,
    restart: embedded.restart,
    dispose: embedded.dispose,
  };
}
