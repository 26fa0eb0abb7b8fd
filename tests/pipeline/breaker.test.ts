import { describe, expect, it } from '@jest/globals';
import { createBreakers } from '../../src/pipeline/breaker.js';
import type { NewsItem } from '../../src/ports/news.js';
import type { Fact } from '../../src/ports/watch.js';
import { HandClock } from '../support/hand-clock.js';

function set() {
  const clock = new HandClock();
  const facts: Fact[] = [];
  const told: NewsItem[] = [];
  const settings = { breakerFailures: 3, breakerOpenMs: 1000 };
  const breakers = createBreakers(clock, settings, (fact) => facts.push(fact), { tell: (item) => void told.push(item) });
  const call = (verdict: 'success' | 'failure' | 'neutral', provider = 'p'): boolean => {
    const admission = breakers.enter(provider);
    if (admission.admitted) admission.report(verdict);
    return admission.admitted;
  };
  const states = (): string[] => facts.map((fact) => (fact.kind === 'breaker' ? fact.state : fact.kind));
  return { clock, breakers, call, states, told };
}

describe('A circuit breaker', () => {
  it('opens after so many failures in a row and says how long it stays so', () => {
    const { breakers, call, states } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 1000 });
    expect(states()).toEqual(['open']);
  });

  it('counts only failures in a row: a success starts the count anew, a neutral call does not', () => {
    const { call } = set();
    for (const verdict of ['failure', 'failure', 'success', 'failure', 'neutral', 'failure'] as const) call(verdict);
    expect(call('neutral')).toBe(true);
    call('failure');
    expect(call('neutral')).toBe(false);
  });

  it('lets one call try after its time, and no second beside it', () => {
    const { clock, breakers, call } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    clock.advance(1000);
    const probe = breakers.enter('p');
    expect(probe.admitted).toBe(true);
    expect(breakers.enter('p').admitted).toBe(false);
  });

  it('closes when the try succeeds, and opens for its whole time again when it fails', () => {
    const { clock, breakers, call, states } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    clock.advance(1000);
    expect(call('failure')).toBe(true);
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 1000 });
    clock.advance(1000);
    expect(call('success')).toBe(true);
    expect(call('neutral')).toBe(true);
    expect(states()).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
  });

  it('lets the next one try when a try says nothing', () => {
    const { clock, call } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    clock.advance(1000);
    expect(call('neutral')).toBe(true);
    expect(call('success')).toBe(true);
  });

  it('is one per provider, and remembers an open one however many others there are', () => {
    const { call } = set();
    for (let n = 0; n < 3; n += 1) call('failure', 'bad');
    for (let n = 0; n < 3000; n += 1) call('success', `good-${n}`);
    expect(call('neutral', 'bad')).toBe(false);
    expect(call('neutral', 'good-1')).toBe(true);
  });

  it('forgets open ones too when there are too many, those first that may try again anyway', () => {
    const { clock, call } = set();
    for (let n = 0; n < 3; n += 1) call('failure', 'old');
    clock.advance(1000);
    for (let n = 0; n < 3; n += 1) call('failure', 'new');
    for (let n = 0; n < 998; n += 1) call('success', `good-${n}`);
    for (let n = 0; n < 998; n += 1) call('success', `other-${n}`);
    expect(call('neutral', 'new')).toBe(false);
    for (let n = 0; n < 3000; n += 1) for (let f = 0; f < 3; f += 1) call('failure', `bad-${n}`);
    expect(call('neutral', 'new')).toBe(true);
  });

  it('is not kept open longer by calls that were under way when it opened', () => {
    const { clock, breakers } = set();
    const calls = Array.from({ length: 5 }, () => breakers.enter('p'));
    for (const admission of calls.slice(0, 3)) if (admission.admitted) admission.report('failure');
    clock.advance(600);
    for (const admission of calls.slice(3)) if (admission.admitted) admission.report('failure');
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 400 });
  });
});

describe('A circuit breaker among several processes', () => {
  it('tells the others when it opens and closes by calls of its own, and nothing else', () => {
    const { clock, call, told } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    clock.advance(1000);
    call('failure');
    clock.advance(1000);
    call('success');
    call('success');
    const opened = { kind: 'breaker', name: 'p', state: 'open', openMs: 1000 };
    expect(told).toEqual([opened, opened, { kind: 'breaker', name: 'p', state: 'closed', openMs: 0 }]);
  });

  it('opens for as long as another’s is still open, shows it, and does not tell it on', () => {
    const { clock, breakers, call, states, told } = set();
    breakers.heard('p', 'open', 400);
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 400 });
    clock.advance(400);
    expect(call('success')).toBe(true);
    expect(states()).toEqual(['open', 'half-open', 'closed']);
    expect(told).toEqual([{ kind: 'breaker', name: 'p', state: 'closed', openMs: 0 }]);
  });

  it('never stays open longer on another’s word than it would on its own', () => {
    const { breakers } = set();
    breakers.heard('p', 'open', 3_600_000);
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 1000 });
  });

  it('closes when another’s try has succeeded, and counts failures anew', () => {
    const { breakers, call, states, told } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    breakers.heard('p', 'closed', 0);
    expect(call('failure')).toBe(true);
    expect(call('failure')).toBe(true);
    expect(call('success')).toBe(true);
    expect(states()).toEqual(['open', 'closed']);
    expect(told).toHaveLength(1);
  });

  it('is not pushed out further by hearing again what it knows, and shows nothing twice', () => {
    const { clock, breakers, call, states } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    clock.advance(600);
    breakers.heard('p', 'open', 1000);
    breakers.heard('q', 'closed', 0);
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 400 });
    expect(states()).toEqual(['open']);
  });

  it('trusts a try of its own that is under way more than what others saw before', () => {
    const { clock, breakers, call, states } = set();
    for (let n = 0; n < 3; n += 1) call('failure');
    clock.advance(1000);
    const probe = breakers.enter('p');
    breakers.heard('p', 'closed', 0);
    expect(breakers.enter('p').admitted).toBe(false);
    if (probe.admitted) probe.report('failure');
    expect(breakers.enter('p')).toEqual({ admitted: false, retryInMs: 1000 });
    expect(states()).toEqual(['open', 'half-open', 'open']);
  });
});
