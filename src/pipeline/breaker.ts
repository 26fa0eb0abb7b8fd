import type { Clock } from '../ports/clock.js';
import type { News } from '../ports/news.js';
import type { Watch } from '../ports/watch.js';

export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly breakerFailures: number;
  /** How long it stays open before one call may try, milliseconds. */
  readonly breakerOpenMs: number;
}

/** `failure`: the provider is unwell. `success`: it answered, even if with a refusal. `neutral`: the call says nothing about it. */
export type BreakerVerdict = 'success' | 'failure' | 'neutral';

export type Admission =
  | { readonly admitted: true; report(verdict: BreakerVerdict): void }
  | { readonly admitted: false; readonly retryInMs: number };

export interface Breakers {
  /** Asks the breaker of this provider; every admission is to be reported once. */
  enter(provider: string): Admission;
  /** Another process has found out: its breaker opened for so many milliseconds, or closed. */
  heard(provider: string, state: 'open' | 'closed', openMs: number): void;
}

interface State {
  failures: number;
  /** On the monotonic clock; null while closed. */
  openUntil: number | null;
  probing: boolean;
}

/** Breakers that are remembered: providers' names come from clients, so there may be any number. */
const REMEMBERED = 1000;

/** First goes what holds nothing worth keeping, then whoever was first: a forgotten open breaker costs a few calls to open again. */
function forget(states: Map<string, State>, now: number): void {
  for (const [name, { openUntil, probing }] of states) if (openUntil === null || (openUntil <= now && !probing)) states.delete(name);
  for (const name of states.keys()) {
    if (states.size < REMEMBERED) return;
    states.delete(name);
  }
}

/** What another process found out; false where it changes nothing, or where a probe of our own is about to say something newer. */
function takeOver(state: State, openUntil: number | null): boolean {
  if (state.probing || (openUntil === null) === (state.openUntil === null)) return false;
  state.openUntil = openUntil;
  state.failures = 0;
  return true;
}

/**
 * One circuit breaker per provider: closed → (failures in a row) → open → (after a while) half-open, where one call
 * tries → closed or open again. Kept in memory: after a restart the provider is simply tried. What a process finds out by
 * calls of its own it tells the others; what it hears it does not tell on.
 */
export function createBreakers(clock: Clock, settings: BreakerSettings, watch: Watch, news?: Pick<News, 'tell'>): Breakers {
  const states = new Map<string, State>();

  const stateOf = (provider: string): State => {
    const known = states.get(provider);
    if (known !== undefined) return known;
    if (states.size >= REMEMBERED) forget(states, clock.monotonic());
    const fresh: State = { failures: 0, openUntil: null, probing: false };
    states.set(provider, fresh);
    return fresh;
  };

  const close = (provider: string, state: State): void => {
    state.failures = 0;
    if (state.openUntil === null) return;
    state.openUntil = null;
    watch({ kind: 'breaker', name: provider, state: 'closed' });
    news?.tell({ kind: 'breaker', name: provider, state: 'closed', openMs: 0 });
  };

  const fail = (provider: string, state: State, probe: boolean): void => {
    state.failures += 1;
    if (!probe && state.failures < settings.breakerFailures) return;
    // Late failures of calls that were under way when it opened do not push the end further out.
    if (!probe && state.openUntil !== null) return;
    state.openUntil = clock.monotonic() + settings.breakerOpenMs;
    watch({ kind: 'breaker', name: provider, state: 'open', openMs: settings.breakerOpenMs });
    news?.tell({ kind: 'breaker', name: provider, state: 'open', openMs: settings.breakerOpenMs });
  };

  return {
    heard(provider, state, openMs) {
      const until = state === 'open' ? clock.monotonic() + Math.min(openMs, settings.breakerOpenMs) : null;
      if (takeOver(stateOf(provider), until)) watch({ kind: 'breaker', name: provider, state, openMs });
    },
    enter(provider) {
      const state = stateOf(provider);
      let probe = false;
      if (state.openUntil !== null) {
        const retryInMs = state.openUntil - clock.monotonic();
        if (retryInMs > 0) return { admitted: false, retryInMs };
        if (state.probing) return { admitted: false, retryInMs: Math.min(1000, settings.breakerOpenMs) };
        probe = true;
        state.probing = true;
        watch({ kind: 'breaker', name: provider, state: 'half-open' });
      }
      return {
        admitted: true,
        report(verdict) {
          if (probe) state.probing = false;
          if (verdict === 'success') close(provider, state);
          else if (verdict === 'failure') fail(provider, state, probe);
        },
      };
    },
  };
}
