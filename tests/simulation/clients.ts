import { SignalboxError } from '../../src/errors.js';
import type { Submission } from '../../src/pipeline/accept.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import type { PeopleStore } from '../../src/ports/people.js';
import type { RecordKey, WorkRecord } from '../../src/ports/record.js';
import type { AcceptResult } from '../../src/ports/store.js';
import { type BatchPayload, batchOf, childKeyOf, EXPAND_TARGET } from '../../src/workloads/notifications/batch.js';
import type { Answer, Expected } from '../../tools/ledger/entry.js';
import { EPOCH, type Incarnation } from './incarnation.js';
import { type Persons, TENANTS, USERS } from './persons.js';
import { CHANNELS, REFUSED_FOR_GOOD } from './receivers.js';
import type { Referee } from './referee.js';
import { BATCHES, CRITICAL, type Nature, NOTIFICATIONS, type SimPayload } from './sim-workload.js';
import type { World } from './world.js';

/** A process that answers requests. */
export interface Server {
  readonly who: Incarnation;
  readonly pipeline: Pipeline;
  readonly people: PeopleStore;
}

const ANSWER_WITHIN_MS = 8000;

interface Deps {
  readonly world: World;
  readonly referee: Referee;
  readonly persons: Persons;
  /** Some process that takes requests now, if any does. */
  server(): Server | undefined;
  /** Share of answers that are lost on their way. */
  readonly answersLost: number;
}

/** What is posted, with the moments at which more is done to it. */
interface Plan {
  readonly submission: Submission;
  readonly repeats: boolean;
  readonly conflicts: boolean;
  readonly cancelAfter: number | null;
}

/** People and programs that use the service: they repeat what got no answer, under the same key, until it is answered. */
export class Clients {
  readonly answers: Answer[] = [];
  /** Requests whose sender has not given up yet. */
  busy = 0;
  /** Pieces of work and batches that were begun in earlier rounds; each has a number, and a key, of its own. */
  private begun = 0;
  private batches = 0;

  constructor(private readonly deps: Deps) {}

  /** Sends one batch of so many recipients at some moment of the given time. */
  beginBatch(size: number, overMs: number): void {
    const { world } = this.deps;
    const at = world.rng.between(0, overMs);
    const plan = this.batchPlan(size, at, this.batches === 0 ? 'batch' : `batch${this.batches}`);
    this.batches += 1;
    this.busy += 1;
    world.in(at, () => this.post(plan));
  }

  /** Sends `count` pieces of work over the given time. */
  begin(count: number, overMs: number, poison: Nature['poison'] | null): void {
    const { world } = this.deps;
    const first = this.begun;
    this.begun += count;
    for (let index = first; index < this.begun; index += 1) {
      const at = world.rng.between(0, overMs);
      const plan = this.plan(index, at, index === first && poison !== null ? poison : undefined);
      this.busy += 1;
      world.in(at, () => this.post(plan));
    }
  }

  private plan(index: number, at: number, poison: Nature['poison']): Plan {
    const { rng } = this.deps.world;
    const width = rng.pick([1, 1, 1, 2, 3]);
    const targets = Array.from({ length: width }, (_, place) => this.target(`${index}-${place}`));
    const { scheduledFor, payload } = this.content(`item ${index}`, at, poison === undefined ? {} : { poison });
    const submission: Submission = {
      workload: NOTIFICATIONS,
      tenant: rng.pick(TENANTS),
      principal: 'client',
      key: rng.happens(0.9) ? `key-${index}` : null,
      userId: rng.happens(0.5) ? rng.pick(USERS) : null,
      priority: rng.happens(0.2) ? 'urgent' : 'normal',
      payload,
      targets,
      scheduledFor,
      correlation: { requestId: `request-${index}` },
    };
    return {
      submission,
      repeats: submission.key !== null && rng.happens(0.2),
      conflicts: submission.key !== null && rng.happens(0.1),
      cancelAfter: rng.happens(0.15) ? rng.between(0, 6000) : null,
    };
  }

  /** One record, as the API makes it of a call with many recipients. */
  private batchPlan(size: number, at: number, name: string): Plan {
    const { rng } = this.deps.world;
    const { payload: content } = this.content('batch', at, {});
    const items = Array.from({ length: size }, (_, index) => ({
      // With a hole, as a rejected recipient leaves one.
      index: index < 2 ? index : index + 1,
      userId: rng.pick(USERS),
      targets: [this.target(`${name}-${index}`)],
    }));
    const payload: BatchPayload = { content, items, rejected: [{ index: 2, pointer: '/recipients/2/to', reason: 'simulated' }] };
    const submission: Submission = {
      workload: BATCHES,
      tenant: rng.pick(TENANTS),
      principal: 'client',
      key: `key-${name}`,
      userId: null,
      priority: rng.happens(0.2) ? 'urgent' : 'normal',
      payload,
      targets: [EXPAND_TARGET],
      scheduledFor: null,
      correlation: { requestId: `request-${name}` },
    };
    return { submission, repeats: rng.happens(0.2), conflicts: rng.happens(0.1), cancelAfter: null };
  }

  private target(name: string): Submission['targets'][number] {
    const { rng } = this.deps.world;
    return { channel: rng.pick(CHANNELS), recipient: `${rng.happens(0.05) ? REFUSED_FOR_GOOD : 'someone'}-${name}` };
  }

  private content(body: string, at: number, nature: Nature): { readonly scheduledFor: number | null; readonly payload: SimPayload } {
    const { rng } = this.deps.world;
    const now = EPOCH + this.deps.world.now + at;
    const scheduledFor = rng.happens(0.2) ? now + rng.between(-2000, 20_000) : null;
    const expiresAt = rng.happens(0.15) ? (scheduledFor ?? now) + rng.between(200, 15_000) : null;
    const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());
    const category = rng.pick(['news', 'news', CRITICAL]);
    const payload = { category, subject: null, body, data: { ...nature }, scheduledFor: iso(scheduledFor), expiresAt: iso(expiresAt) };
    return { scheduledFor, payload };
  }

  private post(plan: Plan): void {
    this.ask(plan, (result, server) => {
      if (result === null) {
        // No answer, or one that says to come back: the same again.
        this.deps.world.in(this.deps.world.rng.between(100, 1500), () => this.post(plan));
        return;
      }
      this.note(plan.submission, result, server);
      this.after(plan, result.record);
    });
  }

  /** What is done once the work is accepted. */
  private after(plan: Plan, record: RecordKey): void {
    const { world } = this.deps;
    const key = { tenant: record.tenant, id: record.id };
    if (plan.cancelAfter !== null) {
      this.busy += 1;
      world.in(plan.cancelAfter, () => {
        this.busy -= 1;
        this.deps.persons.cancel(key);
      });
    }
    if (plan.conflicts) {
      this.busy += 1;
      const other = { ...plan.submission, payload: { ...(plan.submission.payload as object), body: 'something else' } };
      world.in(world.rng.between(0, 4000), () => this.again(other, 'conflict'));
    }
    if (plan.repeats) {
      this.busy += 1;
      world.in(world.rng.between(0, 4000), () => this.again(plan.submission, 'repeat'));
    }
    this.busy -= 1;
  }

  /** The same key once more, on purpose. */
  private again(submission: Submission, expected: AcceptResult['outcome']): void {
    this.ask({ submission, repeats: false, conflicts: false, cancelAfter: null }, (result, server) => {
      this.busy -= 1;
      if (result === null) return;
      this.note(submission, result, server);
      if (result.outcome !== expected) this.deps.world.violate('KEY_NOT_HONOURED', `${submission.key}: ${result.outcome}, not ${expected}`);
    });
  }

  /** One request to one server; `null`: no answer came, or an error that allows another try. */
  private ask(plan: Plan, then: (result: AcceptResult | null, server: Server | null) => void): void {
    const { world, referee } = this.deps;
    const server = this.deps.server();
    if (server === undefined) {
      then(null, null);
      return;
    }
    let open = true;
    const end = (result: AcceptResult | null): void => {
      if (!open) return;
      open = false;
      giveUp.cancelled = true;
      then(result, server);
    };
    const giveUp = world.in(ANSWER_WITHIN_MS, () => end(null));
    const lost = world.rng.happens(this.deps.answersLost);
    world.in(1, () =>
      server.who.enter(() => {
        world.trace(() => `${server.who.name} gets a request with key ${plan.submission.key}`);
        server.pipeline.accept(plan.submission).then(
          (result) => {
            referee.answered(server.who, result);
            if (!lost) world.in(2, () => end(result));
          },
          (error: unknown) => {
            if (!(error instanceof SignalboxError)) world.violate('ACCEPT_FAILED', String(error));
            world.in(2, () => end(null));
          },
        );
      }),
    );
  }

  private note(submission: Submission, { outcome, record }: AcceptResult, server: Server | null): void {
    const status = { created: 202, repeat: 200, conflict: 422 }[outcome];
    const { tenant, key, targets } = submission;
    this.deps.world.trace(() => `client of ${key} is answered ${status} by ${server?.who.name}`);
    const at = this.deps.world.now;
    if (outcome === 'conflict') this.answers.push({ tenant, key, status, recordId: null, at, expected: [] });
    else if (submission.workload === BATCHES) this.answers.push(...answersOfBatch(record, key, status, at));
    else {
      const expected = targets.map(({ channel, recipient }): Expected => {
        const found = record.deliveries.find((one) => one.channel === channel && one.recipient === recipient);
        return { channel, recipient, ...(found === undefined || outcome !== 'created' ? {} : { operationId: found.operationId }) };
      });
      this.answers.push({ tenant, key, status, recordId: record.id, at, expected });
    }
  }
}

/** The answer to a batch names every notification before it is there: each is an answer of its own. */
function answersOfBatch(batch: WorkRecord, key: string | null, status: number, at: number): readonly Answer[] {
  return batchOf(batch).items.map(({ index, targets }) => {
    const { tenant, id } = childKeyOf(batch, index);
    return { tenant, key: `${key}:${index}`, status, recordId: id, at, expected: targets };
  });
}
