import type { Clock, Timers } from '../ports/clock.js';
import type { Duties } from '../ports/duties.js';
import type { ChangedPerson, PeopleStore } from '../ports/people.js';
import type { RecordReader } from '../ports/reader.js';
import type { Delivery, RecordEvent, RecordKey, WorkRecord } from '../ports/record.js';
import type { AmendResult, RecordStore } from '../ports/store.js';
import type { Watch } from '../ports/watch.js';
import { createDuty, DUTY_CHECK_MS, type Duty } from './duty.js';
import { dueOf, statusOf } from './envelope.js';
import { createLoop } from './loop.js';
import type { Relay } from './relay.js';
import type { PipelineSettings } from './settings.js';

/** The rule that defers by a person's choices: what it put off is decided anew when they change. */
const PUT_OFF_BY = 'quiet-hours';
const RULE = 'preferences.changed';

const PEOPLE_AT_A_TIME = 100;
const PAGE = 100;
/** Someone else changed the record between our read and our write: read again, this often. */
const TRIES = 5;
/** How soon a record that a worker held is looked at again; twice as long each time. */
const BUSY_MS = 50;
const BUSY_MAX_MS = 2000;
const TROUBLE_PAUSE_MS = 1000;

/**
 * Applies what people have changed to their work that waits: what quiet hours put off is made due, and decided anew by
 * the choices of today. A change is taken off the store's list only when all of it is done, so a crash at any moment
 * leaves it to whoever looks next.
 */
export interface Reconsider {
  start(): void;
  stop(): Promise<void>;
  /** Someone has changed something just now: look at once. */
  look(): void;
}

interface Deps {
  readonly people: Pick<PeopleStore, 'changed' | 'applied'>;
  readonly store: Pick<RecordStore, 'amend'>;
  readonly reader: Pick<RecordReader, 'get' | 'list'>;
  readonly relay: Pick<Relay, 'offer'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly watch: Watch;
  readonly settings: Pick<PipelineSettings, 'pollIntervalMs'>;
  readonly worker: string;
  readonly duties?: Duties;
  readonly mayHold?: ReadonlySet<string>;
  /** The workloads whose decisions rest on people's choices. */
  readonly workloads: readonly string[];
}

export function createReconsider(deps: Deps): Reconsider {
  const pass = new Passes(deps);
  const loop = createLoop(deps.clock, deps.timers, () => pass.run());
  return {
    start: () => loop.start(),
    async stop() {
      pass.stopping = true;
      await loop.stop();
      await pass.duty.giveUp();
    },
    look() {
      pass.asked = true;
      loop.nudge(0);
    },
  };
}

/** What was left of a change after the last look: records that a worker held. */
interface Unfinished {
  readonly version: number;
  readonly held: readonly RecordKey[];
  readonly looks: number;
}

class Passes {
  stopping = false;
  /** A change was made here: whoever has the duty need not be waited for. */
  asked = false;
  readonly duty: Duty;
  private readonly unfinished = new Map<string, Unfinished>();

  constructor(private readonly deps: Deps) {
    this.duty = createDuty(deps, 'reconsider');
  }

  /** Gives when to look again, in milliseconds. */
  async run(): Promise<number> {
    const { people, settings } = this.deps;
    try {
      const onDuty = await this.duty.mine();
      if (!onDuty && !this.asked && this.unfinished.size === 0) return DUTY_CHECK_MS;
      this.asked = false;
      const changed = await people.changed(PEOPLE_AT_A_TIME);
      if (changed.length === 0) this.unfinished.clear();
      const waits = await Promise.all(changed.map((person) => this.apply(person)));
      const done = waits.filter((wait) => wait === null).length;
      if (done > 0 && changed.length === PEOPLE_AT_A_TIME) return 0;
      return Math.min(settings.pollIntervalMs, ...waits.filter((wait) => wait !== null));
    } catch (error) {
      this.deps.watch({ kind: 'trouble', where: 'reconsider', error });
      return TROUBLE_PAUSE_MS;
    }
  }

  /** Null when all of the change is applied, else when to look again. */
  private async apply(person: ChangedPerson): Promise<number | null> {
    const name = `${person.tenant}\n${person.userId}`;
    try {
      const before = this.unfinished.get(name);
      const same = before?.version === person.version ? before : undefined;
      const held = same === undefined ? await this.all(person) : await this.again(same.held, person);
      if (this.stopping) return TROUBLE_PAUSE_MS;
      if (held.length > 0) {
        const looks = (same?.looks ?? 0) + 1;
        this.unfinished.set(name, { version: person.version, held, looks });
        return Math.min(BUSY_MAX_MS, BUSY_MS * 2 ** (looks - 1));
      }
      await this.deps.people.applied(person);
      this.unfinished.delete(name);
      return null;
    } catch (error) {
      this.deps.watch({ kind: 'trouble', where: 'reconsider', error });
      return TROUBLE_PAUSE_MS;
    }
  }

  /** Every open record of theirs; gives those that are held. Whoever claims one from now on reads the new choices. */
  private async all(person: ChangedPerson): Promise<RecordKey[]> {
    const held: RecordKey[] = [];
    for (const workload of this.deps.workloads) {
      let after: { readonly createdAt: number; readonly id: string } | undefined;
      for (;;) {
        const from = after === undefined ? {} : { after };
        const page = await this.deps.reader.list({ ...person, workload, open: true, limit: PAGE, ...from });
        // Side by side, so that their writes share the store's transactions.
        const answers = await Promise.all(page.map((record) => this.isHeld(record, person)));
        for (const [at, { tenant, id }] of page.entries()) if (answers[at] === true) held.push({ tenant, id });
        after = page.at(-1);
        if (page.length < PAGE || after === undefined || this.stopping) break;
      }
    }
    return held;
  }

  /** Only those that were held: what has been released is not to be released again by every look. */
  private async again(held: readonly RecordKey[], person: ChangedPerson): Promise<RecordKey[]> {
    const still: RecordKey[] = [];
    for (const key of held) {
      const record = await this.deps.reader.get(key);
      if (record !== null && record.dueAt !== null && (await this.isHeld(record, person))) still.push(key);
    }
    return still;
  }

  /**
   * Releases what quiet hours put off. True where someone holds the record: they may have read the old choices, and may
   * write by them even after their lease ran out, as long as nobody took over.
   */
  private async isHeld(record: WorkRecord, person: ChangedPerson): Promise<boolean> {
    let present: WorkRecord | null = record;
    for (let tries = 1; tries <= TRIES; tries += 1) {
      if (present === null || !present.deliveries.some(isPutOff)) return present !== null && present.lockedBy !== null;
      const result: AmendResult = await this.deps.store.amend(present, this.release(present, person));
      if (result.outcome === 'applied') this.deps.relay.offer(result.record);
      if (result.outcome !== 'conflict') return result.outcome === 'leased';
      present = await this.deps.reader.get(record);
    }
    return true;
  }

  private release(record: WorkRecord, person: ChangedPerson) {
    const at = this.deps.clock.now();
    const changed: Delivery[] = [];
    const events: RecordEvent[] = [];
    const deliveries = record.deliveries.map((delivery) => {
      if (!isPutOff(delivery)) return delivery;
      // Due at a time that the store's own clock has passed for certain: ours may run ahead.
      const released: Delivery = { ...delivery, status: 'queued', reason: RULE, dueAt: record.updatedAt };
      const detail = { personVersion: person.version, until: delivery.dueAt };
      changed.push(released);
      events.push({ at, name: 'reconsidered', rule: RULE, actor: this.deps.worker, clock: 'worker', deliveryId: delivery.id, detail });
      return released;
    });
    return {
      version: record.version,
      cancelRequestedAt: record.cancelRequestedAt,
      status: statusOf(deliveries),
      dueAt: dueOf(deliveries),
      deliveries: changed,
      ledger: [],
      events,
    };
  }
}

function isPutOff({ status, reason, intentAt }: Delivery): boolean {
  return status === 'deferred' && reason === PUT_OFF_BY && intentAt === null;
}
