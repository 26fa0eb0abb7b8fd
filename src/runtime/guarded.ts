import { type ErrorCode, SignalboxError } from '../errors.js';
import type { Timers } from '../ports/clock.js';
import type { WakeUpQueue } from '../ports/queue.js';
import type { RecordReader } from '../ports/reader.js';
import type { RecordStore } from '../ports/store.js';
import type { StorePorts } from '../ports/store-ports.js';
import type { Watch } from '../ports/watch.js';

/**
 * For the breakers around servers of our own: quick to leave one alone that does not answer, and quick to find it again,
 * since it costs them nothing to be asked once a second.
 */
export const SERVER_BREAKER = { breakerFailures: 5, breakerOpenMs: 1000 } as const;

/** A call whose own time limit is somebody else's says nothing for so long: for the breaker it has failed. */
const HUNG_MS = 10_000;

/** A set of circuit breakers by name. */
interface Breakers {
  enter(
    name: string,
  ):
    | { readonly admitted: true; report(verdict: 'success' | 'failure' | 'neutral'): void }
    | { readonly admitted: false; readonly retryInMs: number };
}

export interface GuardDeps {
  readonly breakers: Breakers;
  readonly timers: Timers;
  /** Told at once that the breaker is closed: a state that was never shown could not be told from one that is missing. */
  readonly watch: Watch;
}

/**
 * The same ports behind one breaker, `mongodb`. While it is open every call is refused at once with `store-unavailable` and
 * the time after which it is worth trying. What the API asks is answered within `answerMs`, or rejected likewise: a write may
 * then still happen, and is safe to repeat. Workers' calls have the time that the adapter gives them.
 */
export function guardStore(ports: StorePorts, deps: GuardDeps & { readonly answerMs: number }): StorePorts {
  const guard = createGuard(deps, 'mongodb', 'store-unavailable');
  const { answerMs } = deps;
  const never = (): undefined => undefined;
  const always = (): number => answerMs;
  return {
    store: guardPort(ports.store, guard, (call) => (WORKERS_CALLS.has(call) ? undefined : answerMs)),
    reader: guardPort(ports.reader, guard, always, COUNTS),
    desk: guardPort(ports.desk, guard, always),
    people: guardPort(ports.people, guard, always),
    inbox: guardPort(ports.inbox, guard, always),
    messages: guardPort(ports.messages, guard, (call) => (call === 'persist' ? undefined : answerMs)),
    payloads: guardPort(ports.payloads, guard, always),
    keys: guardPort(ports.keys, guard, always),
    outbox: guardPort(ports.outbox, guard, never),
    duties: guardPort(ports.duties, guard, never),
    fleet: guardPort(ports.fleet, guard, never),
    retention: guardPort(ports.retention, guard, never),
  };
}

/** Counted for dashboards and limits, which keep nobody waiting; what is told from memory says nothing of the server: they go past the breaker. */
const COUNTS: ReadonlySet<string> = new Set(['backlog', 'deliveryCounts'] satisfies (keyof RecordReader)[]);

/** Of the store of record, what is done under a lease, and to get one. */
const WORKERS_CALLS: ReadonlySet<string> = new Set(['claim', 'renew', 'commit'] satisfies (keyof RecordStore)[]);

/** The same queue behind the breaker `rabbitmq`. What was taken is settled, and more is taken, past it. */
export function guardQueue(queue: WakeUpQueue, deps: GuardDeps): WakeUpQueue {
  const guard = createGuard(deps, 'rabbitmq', 'queue-unavailable');
  return {
    publish: (wakeUps) => guard(() => queue.publish(wakeUps)),
    depth: () => guard(() => queue.depth()),
    consume: (prefetch, take) => queue.consume(prefetch, take),
  };
}

/** Lets calls to Redis through a breaker of this name. Any error is a failure: whoever asks has an answer of their own for it. */
export function guardRedis(deps: GuardDeps, name = 'redis'): <T>(call: () => Promise<T>) => Promise<T> {
  const guard = createGuard(deps, name, null);
  return (call) => guard(call);
}

/** One call through a breaker. `answerMs`: rejected when it takes longer. */
type Guard = <T>(call: () => Promise<T>, answerMs?: number) => Promise<T>;

/** @param code says that the server did not answer; null: every error does */
function createGuard({ breakers, timers, watch }: GuardDeps, name: string, code: ErrorCode | null): Guard {
  watch({ kind: 'breaker', name, state: 'closed', first: true });
  const unavailable = (why: string, retryAfterS: number): Error =>
    code === null ? new Error(`${name} ${why}`) : new SignalboxError(code, `${name} ${why}`, { retryAfterS });
  const verdictOn = (error: unknown): 'success' | 'failure' | 'neutral' => {
    if (code === null) return 'failure';
    if (!(error instanceof SignalboxError)) return 'neutral';
    return error.code === code ? 'failure' : 'success';
  };

  return (call, answerMs) => {
    const admission = breakers.enter(name);
    if (!admission.admitted) return Promise.reject(unavailable('has not answered of late, and was not asked', admission.retryInMs / 1000));
    return new Promise((resolve, reject) => {
      let hung = false;
      // Whichever comes first is reported, once: a call that never comes back must not hold the one try of a half-open breaker.
      const timer = timers.after(answerMs ?? HUNG_MS, () => {
        hung = true;
        admission.report('failure');
        if (answerMs !== undefined) reject(unavailable(`did not answer within ${answerMs} ms`, 1));
      });
      const end = (verdict: 'success' | 'failure' | 'neutral'): void => {
        timer.cancel();
        if (!hung) admission.report(verdict);
      };
      call().then(
        (answer) => {
          end('success');
          resolve(answer);
        },
        (error: unknown) => {
          end(verdictOn(error));
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  };
}

/** The port with each of its calls behind the guard, but those that go past it. */
function guardPort<P extends object>(
  port: P,
  guard: Guard,
  answerMsOf: (call: string) => number | undefined,
  past: ReadonlySet<string> = new Set(),
): P {
  const guarded = new Map<string | symbol, unknown>();
  return new Proxy(port, {
    get(target, name) {
      const known = guarded.get(name);
      if (known !== undefined) return known;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      const answerMs = answerMsOf(String(name));
      const asked = async (args: unknown[]): Promise<unknown> => Reflect.apply(member, target, args);
      const call = (...args: unknown[]): Promise<unknown> => (past.has(String(name)) ? asked(args) : guard(() => asked(args), answerMs));
      guarded.set(name, call);
      return call;
    },
  });
}
