import { describe, expect, it } from '@jest/globals';
import { createRates, type OwnRates } from '../../src/pipeline/rates.js';
import { HandClock } from '../support/hand-clock.js';
import { seeded } from '../support/seeded.js';

function set(next: () => number = () => 0) {
  const clock = new HandClock();
  return { clock, rates: createRates(clock, { next }) };
}

/** Lets so many come at once, each again at its turn; gives when each went, in milliseconds from the start, and how often all asked. */
function drain(rates: OwnRates, clock: HandClock, many: number, perSecond: number, lateMs: () => number) {
  const start = clock.monotonic();
  const went: number[] = [];
  const order: number[] = [];
  let asked = 0;
  const come = (who: number, inLine: boolean): void => {
    asked += 1;
    const waitMs = rates.take('p', perSecond, inLine);
    if (waitMs !== null) {
      clock.after(waitMs + lateMs(), () => come(who, true));
      return;
    }
    went.push(clock.monotonic() - start);
    order.push(who);
  };
  for (let who = 0; who < many; who += 1) come(who, false);
  while (went.length < many) clock.advance(100);
  return { went, order, asked };
}

/** The most that went within any second. */
function mostInASecond(went: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [last, at] of went.entries()) {
    while ((went[first] ?? 0) <= at - 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

describe('The rate of a provider', () => {
  it('is not looked at where none is set', () => {
    const { rates } = set();
    const answers = Array.from({ length: 10_000 }, () => rates.take('p', undefined, false));
    expect(answers.filter((answer) => answer !== null)).toEqual([]);
  });

  it('lets a quarter of a second’s worth begin at once, then each in its turn', () => {
    const { rates } = set();
    for (let n = 0; n < 5; n += 1) expect(rates.take('p', 20, false)).toBeNull();
    expect([rates.take('p', 20, false), rates.take('p', 20, false), rates.take('p', 20, false)]).toEqual([50, 100, 150]);
  });

  it('is each provider’s own', () => {
    const { rates } = set();
    for (let n = 0; n < 2; n += 1) rates.take('p', 8, false);
    expect(rates.take('p', 8, false)).toBe(125);
    expect(rates.take('q', 8, false)).toBeNull();
  });

  it('puts newcomers behind those who stand in line, even while a token lies there for whoever’s turn it is', () => {
    const { clock, rates } = set();
    for (let n = 0; n < 4; n += 1) rates.take('p', 8, false);
    clock.advance(125);
    expect(rates.take('p', 8, false)).toBe(250);
    expect(rates.take('p', 8, true)).toBeNull();
  });

  it('is free for newcomers again once the line is over', () => {
    const { clock, rates } = set();
    for (let n = 0; n < 4; n += 1) rates.take('p', 8, false);
    clock.advance(1000);
    expect(rates.take('p', 8, false)).toBeNull();
  });

  it.each([
    [1, 60],
    [2, 60],
    [50, 1000],
    [333, 3000],
  ])('of %i drains a backlog of %i at that rate, in order, without anyone asking more than about twice', (perSecond, many) => {
    const { next: random } = seeded(7);
    const { clock, rates } = set(random);
    const { went, order, asked } = drain(rates, clock, many, perSecond, () => Math.floor(random() * 15));
    const seconds = (went.at(-1) ?? 0) / 1000;
    const burst = Math.max(2, perSecond / 4);
    const ideal = (many - burst) / perSecond;
    expect(seconds).toBeGreaterThanOrEqual(ideal);
    expect(seconds).toBeLessThan(ideal * 1.02 + 1.1);
    expect(mostInASecond(went)).toBeLessThanOrEqual(perSecond + burst);
    expect(asked).toBeLessThanOrEqual(many * 2.1);
    const misplaced = order.map((who, place) => Math.abs(who - place));
    expect(Math.max(...misplaced)).toBeLessThanOrEqual(Math.max(2, perSecond * 0.05));
  });

  it('holds when a whole line comes late at once, and everybody gets their turn', () => {
    const { clock, rates } = set();
    const wait: number[] = [];
    for (let n = 0; n < 500; n += 1) {
      const inMs = rates.take('p', 50, false);
      if (inMs !== null) wait.push(inMs);
    }
    expect(Math.max(...wait)).toBe(9760);
    // Nobody could come for ten seconds (a breaker was open, say).
    clock.advance(10_000);
    const start = clock.monotonic();
    const went: number[] = [];
    let asked = 0;
    const come = (): void => {
      asked += 1;
      const inMs = rates.take('p', 50, true);
      if (inMs === null) went.push(clock.monotonic() - start);
      else clock.after(inMs, come);
    };
    for (let n = 0; n < wait.length; n += 1) come();
    clock.advance(9800);
    expect(went).toHaveLength(wait.length);
    expect(mostInASecond(went)).toBeLessThanOrEqual(63);
    expect(asked).toBeLessThanOrEqual(2 * wait.length);
  });

  it('is remembered for a bounded number of providers, those with a line the longest', () => {
    const { clock, rates } = set();
    for (let n = 0; n < 300; n += 1) rates.take('busy', 50, false);
    clock.advance(3000);
    for (let n = 0; n < 5000; n += 1) rates.take(`host${n % 990}`, 50, false);
    expect(rates.take('busy', 50, false)).toBeGreaterThan(1900);
    clock.advance(60_000);
    const answers = Array.from({ length: 5000 }, (_, n) => rates.take(`other${n}`, 50, false));
    expect(answers.filter((answer) => answer !== null)).toEqual([]);
  });
});
