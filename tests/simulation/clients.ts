import { SignalboxError } from '../../src/errors.js';
import type { Submission } from '../../src/pipeline/accept.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import type { RecordKey } from '../../src/ports/record.js';
import type { AcceptResult } from '../../src/ports/store.js';
import type { Answer, Expected } from '../../tools/ledger/entry.js';
import { EPOCH, type Incarnation } from './incarnation.js';
import { CHANNELS, REFUSED_FOR_GOOD } from './receivers.js';
import type { Referee } from './referee.js';
import { type Nature, NOTIFICATIONS, type SimPayload } from './sim-workload.js';
import type { World } from './world.js';

/** A process that answers requests. */
export interface Server {
  readonly who: Incarnation;
  readonly pipeline: Pipeline;
}

const ANSWER_WITHIN_MS = 8000;

interface Deps {
  readonly world: World;
  readonly referee: Referee;
  readonly leaseMs: number;
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

  constructor(private readonly deps: Deps) {}

  /** Sends `count` pieces of work over the given time. */
  begin(count: number, overMs: number, poison: Nature['poison'] | null): void {
    const { world } = this.deps;
    for (let index = 0; index < count; index += 1) {
      const at = world.rng.between(0, overMs);
      const plan = this.plan(index, at, index === 0 && poison !== null ? poison : undefined);
      this.busy += 1;
      world.in(at, () => this.post(plan));
    }
  }

  private plan(index: number, at: number, poison: Nature['poison']): Plan {
    const { rng } = this.deps.world;
    const now = EPOCH + at;
    const width = rng.pick([1, 1, 1, 2, 3]);
    const targets = Array.from({ length: width }, (_, place) => ({
      channel: rng.pick(CHANNELS),
      recipient: `${rng.happens(0.05) ? REFUSED_FOR_GOOD : 'someone'}-${index}-${place}`,
    }));
    const scheduledFor = rng.happens(0.2) ? now + rng.between(-2000, 20_000) : null;
    const expiresAt = rng.happens(0.15) ? (scheduledFor ?? now) + rng.between(200, 15_000) : null;
    const quietUntil = rng.happens(0.1) ? now + rng.between(0, 8000) : undefined;
    const payload: SimPayload = {
      category: null,
      subject: null,
      body: `item ${index}`,
      data: { ...(poison === undefined ? {} : { poison }), ...(quietUntil === undefined ? {} : { quietUntil }) },
      scheduledFor: scheduledFor === null ? null : new Date(scheduledFor).toISOString(),
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    };
    const submission: Submission = {
      workload: NOTIFICATIONS,
      tenant: rng.pick(['a', 'b']),
      principal: 'client',
      key: rng.happens(0.9) ? `key-${index}` : null,
      userId: null,
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
      world.in(plan.cancelAfter, () => this.cancel(key, 3));
    }
    if (plan.conflicts) {
      this.busy += 1;
      const other = { ...plan.submission, payload: { ...(plan.submission.payload as SimPayload), body: 'something else' } };
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

  private note({ tenant, key, targets }: Submission, { outcome, record }: AcceptResult, server: Server | null): void {
    const status = { created: 202, repeat: 200, conflict: 422 }[outcome];
    const expected = targets.map(({ channel, recipient }): Expected => {
      const found = record.deliveries.find((one) => one.channel === channel && one.recipient === recipient);
      return { channel, recipient, ...(found === undefined || outcome !== 'created' ? {} : { operationId: found.operationId }) };
    });
    this.deps.world.trace(() => `client of ${key} is answered ${status} by ${server?.who.name}`);
    this.answers.push({ tenant, key, status, recordId: outcome === 'conflict' ? null : record.id, at: this.deps.world.now, expected });
  }

  private cancel(key: RecordKey, tries: number): void {
    this.person((pipeline) => pipeline.cancel(key, 'client'), tries);
  }

  /** Decides on a held delivery. */
  resolve(key: RecordKey, deliveryId: string): void {
    const resolution = this.deps.world.rng.pick(['delivered', 'resend', 'dead'] as const);
    this.busy += 1;
    this.person((pipeline) => pipeline.resolve(key, { resolution, deliveryId, actor: 'person' }), 3);
  }

  private person(act: (pipeline: Pipeline) => Promise<unknown>, tries: number): void {
    const { world } = this.deps;
    const server = this.deps.server();
    const done = (ok: boolean): void => {
      if (ok || tries <= 1) this.busy -= 1;
      else world.in(500, () => this.person(act, tries - 1));
    };
    if (server === undefined) {
      done(false);
      return;
    }
    let open = true;
    const end = (ok: boolean): void => {
      if (open) done(ok);
      open = false;
    };
    world.in(ANSWER_WITHIN_MS, () => end(false));
    world.in(1, () =>
      server.who.enter(() => {
        act(server.pipeline).then(
          () => end(true),
          (error: unknown) => {
            if (!(error instanceof SignalboxError)) world.violate('AMEND_FAILED', String(error));
            else end(error.code === 'conflict');
          },
        );
      }),
    );
  }
}
