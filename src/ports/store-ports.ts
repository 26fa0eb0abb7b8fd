import type { DeskReader } from './desk.js';
import type { Duties } from './duties.js';
import type { Fleet } from './fleet.js';
import type { InboxStore } from './inbox.js';
import type { KeyStore } from './keys.js';
import type { MessageStore } from './messages.js';
import type { Outbox } from './outbox.js';
import type { PayloadStore } from './payloads.js';
import type { PeopleStore } from './people.js';
import type { RecordReader } from './reader.js';
import type { Retention } from './retention.js';
import type { RecordStore } from './store.js';

/** Everything that is asked of a store: what an adapter of one gives, and what can be put around it as a whole. */
export interface StorePorts {
  readonly store: RecordStore;
  readonly reader: RecordReader;
  readonly desk: DeskReader;
  readonly outbox: Outbox;
  readonly people: PeopleStore;
  readonly inbox: InboxStore;
  readonly messages: MessageStore;
  readonly payloads: PayloadStore;
  readonly keys: KeyStore;
  readonly duties: Duties;
  readonly fleet: Fleet;
  readonly retention: Retention;
}
