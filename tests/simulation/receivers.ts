import type { Channel, Effect, EffectClass, Outcome } from '../../src/ports/channel.js';
import type { Seen } from '../../tools/ledger/entry.js';
import { COMMAND_TIMEOUT_MS, EPOCH, type Incarnation, type Setting } from './incarnation.js';
import type { Referee } from './referee.js';

export const CHANNELS = ['idempotent', 'queryable', 'neither'] as const satisfies readonly EffectClass[];

/** Recipients have natures that outlast the faulty phase. */
export const REFUSED_FOR_GOOD = 'nobody';

/** What a receiver answers, and whether it brings the effect about. */
interface Reaction {
  readonly effect: boolean;
  readonly outcome: Outcome | 'silence' | 'throws';
}

const UNAVAILABLE: Outcome = { kind: 'retry', failure: { code: 'http_503', message: 'unavailable' } };
const REFUSED: Outcome = { kind: 'dead', failure: { code: 'http_410', message: 'gone' } };
const IN_DOUBT: Outcome = { kind: 'unknown', failure: { code: 'timeout', message: 'no answer' } };
const NOT_SENT: Outcome = { kind: 'retry', failure: { code: 'aborted', message: 'stopped before anything left' } };

/** The providers and recipients outside: they outlive every process and keep a raw log. */
export class Receivers {
  readonly log: Seen[] = [];
  /** How long they take to answer, at most. */
  slowness = 50;
  /** One of each kind, and one call at a time. */
  crowded = false;

  constructor(
    private readonly setting: Setting,
    private readonly referee: Referee,
    /** Kills the process that sends this effect. */
    private readonly kills: (effect: Effect) => boolean,
  ) {}

  /** The channel of this class as one life of one process has it. */
  channelOf(who: Incarnation, effectClass: EffectClass): Channel {
    const channel: Channel = {
      name: effectClass,
      effectClass,
      // Fewer than a batch brings, so that deliveries stand in line for a place.
      ...(effectClass === 'neither' || this.crowded ? { concurrency: 1 } : {}),
      provider: (recipient) => `${effectClass}:${this.crowded ? 0 : recipient.charCodeAt(recipient.length - 1) % 2}`,
      send: (effect, signal) => this.send(who, effect, effectClass, signal),
    };
    if (effectClass !== 'queryable') return channel;
    return { ...channel, query: (operationId, signal) => this.query(who, operationId, signal) };
  }

  private send(who: Incarnation, effect: Effect, effectClass: EffectClass, signal: AbortSignal): Promise<Outcome> {
    const { world, rates } = this.setting;
    this.referee.send(who, effect, effectClass);
    if (signal.aborted) return Promise.resolve(NOT_SENT);
    world.trace(() => `${who.name} sends ${effect.operationId.slice(0, 8)} attempt ${effect.attempt} (${effectClass})`);
    return new Promise((resolve, reject) => {
      const call = { left: false, withdrawn: false, ended: false };
      const end = (outcome: Outcome): void => {
        call.ended = true;
        signal.removeEventListener('abort', onAbort);
        world.trace(() => `${who.name} hears ${outcome.kind} of ${effect.operationId.slice(0, 8)}`);
        resolve(outcome);
      };
      const onAbort = (): void => {
        // Nothing has left yet: it never will. Otherwise nobody can know.
        call.withdrawn = !call.left;
        end(call.left ? IN_DOUBT : NOT_SENT);
      };
      signal.addEventListener('abort', onAbort);
      if (this.slowness > this.setting.leaseMs) this.watchOver(who, effect, call);
      if (this.kills(effect) || world.rng.happens(rates.crashBefore)) return who.crash('while sending');
      const leave = (): void => {
        if (call.withdrawn || who.dead) return;
        call.left = true;
        world.in(world.rng.between(1, this.slowness), () => {
          const reaction = this.react(effect, effectClass);
          if (world.rng.happens(rates.crashAfter)) return who.crash('after the effect');
          if (reaction.outcome === 'silence') return;
          world.in(world.rng.between(1, 10), () =>
            who.enter(() => {
              if (call.ended) return;
              if (reaction.outcome === 'throws') {
                call.ended = true;
                reject(new Error('a channel that does not keep its promise'));
              } else if (reaction.outcome !== 'silence') end(reaction.outcome);
            }),
          );
        });
      };
      // Stopped between the last look at the lease and the moment in which the request leaves.
      if (world.rng.happens(rates.pause)) {
        who.pause(world.rng.between(100, 3 * this.setting.leaseMs));
        who.enter(leave);
      } else world.in(1, () => who.enter(leave));
    });
  }

  /** A call that outlasts its lease must be stopped by its signal, soon after the lease is over. */
  private watchOver(who: Incarnation, effect: Effect, call: { readonly ended: boolean }): void {
    const { world, leaseMs } = this.setting;
    world.in(leaseMs / 6, () => {
      if (call.ended || who.dead) return;
      if (this.referee.runsOn(who, effect)) world.violate('RUNS_ON', `${who.name}: ${effect.recordId} is called for without a lease`);
      else this.watchOver(who, effect, call);
    });
  }

  /** What the receiver does with a request, at the moment in which it arrives. */
  private react(effect: Effect, effectClass: EffectClass): Reaction {
    const { world, rates } = this.setting;
    const { rng } = world;
    if (effect.recipient.startsWith(REFUSED_FOR_GOOD) || rng.happens(rates.refused / 4)) return { effect: false, outcome: REFUSED };
    if (rng.happens(rates.unavailable)) return { effect: false, outcome: UNAVAILABLE };
    if (rng.happens(rates.throttled)) return this.throttle(effect);
    if (rng.happens(rates.hangs)) return { effect: false, outcome: 'silence' };
    this.land(effect, effectClass);
    if (rng.happens(rates.throws)) return { effect: true, outcome: 'throws' };
    if (rng.happens(rates.replyLost)) return { effect: true, outcome: rng.happens(0.5) ? 'silence' : IN_DOUBT };
    return { effect: true, outcome: { kind: 'done', receipt: effect.operationId.slice(0, 6) } };
  }

  private throttle(effect: Effect): Reaction {
    const { world } = this.setting;
    const afterMs = world.rng.between(1, 4) * 1000;
    this.referee.throttles.set(`${effect.operationId} ${effect.attempt}`, { at: EPOCH + world.now, afterMs });
    const failure = { code: 'http_429', message: 'slow down' };
    return { effect: false, outcome: { kind: 'retry', failure, afterMs, throttled: true } };
  }

  private land(effect: Effect, effectClass: EffectClass): void {
    const { operationId, recordId, recipient } = effect;
    this.setting.world.trace(() => `EFFECT ${operationId.slice(0, 8)} attempt ${effect.attempt} (${effectClass})`);
    this.referee.landed.add(operationId);
    this.log.push({ kind: 'effect', operationId, effectClass, at: this.setting.world.now, recordId, channel: effectClass, recipient });
  }

  private async query(who: Incarnation, operationId: string, signal: AbortSignal): Promise<'done' | 'not-done' | 'unknown'> {
    const { world, rates } = this.setting;
    if (signal.aborted) return 'unknown';
    const answer = new Promise<'done' | 'not-done' | 'unknown'>((resolve) => {
      signal.addEventListener('abort', () => resolve('unknown'), { once: true });
      world.in(COMMAND_TIMEOUT_MS, () => who.enter(() => resolve('unknown')));
      const asked = who.call('receiver.query', 'internal', () => {
        if (world.rng.happens(rates.queryUnknown)) return 'unknown';
        if (this.referee.landed.has(operationId)) return 'done';
        this.log.push({ kind: 'not-done', operationId, effectClass: 'queryable', at: world.now });
        return 'not-done';
      });
      asked.then(resolve, () => resolve('unknown'));
    });
    return answer;
  }
}
