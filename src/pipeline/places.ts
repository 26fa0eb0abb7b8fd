import type { Chance } from '../ports/chance.js';
import type { Clock, Timers } from '../ports/clock.js';

/** How long a delivery stands in line before it makes room for those who wait for somebody else. */
const LINE_MS = 1000;
const PUT_OFF_MIN_MS = 250;
const PUT_OFF_MAX_MS = 60_000;
/** What the last one who left says about how long a place is taken. */
const SWAY = 0.1;

/** A place, to be given back; or none for now, and when to ask again. */
export type Place = { readonly leave: () => void } | { readonly retryInMs: number };

/**
 * Places at providers: as many calls at a time as each can really take. Whoever waits is served in turns, one for each
 * user, and within a user's first come, first served: a flood waits behind itself.
 */
export interface Places {
  /**
   * @param most undefined: there is always a place
   * @param user whose turn it uses; anything that tells users apart
   */
  take(provider: string, most: number | undefined, user: string): Promise<Place>;
}

interface Line {
  taken: number;
  /** By user, in the order of their turns. Nobody is in it who waits for nothing. */
  readonly waiting: Map<string, Set<() => void>>;
  /** How many were put off and have not been seen since: the line that does not stand here. */
  elsewhere: number;
  /** How many stand in line. */
  standing: number;
  /** How long a place is usually taken, milliseconds. */
  usualMs: number;
}

/**
 * Waiting for a free connection happens here, before the intent is stored: an intent says that a call may be under way,
 * and a crash would have to hold everything that only stood in line. (Opening a connection is part of the call.) Whoever waits holds one of the worker's few hands, so
 * nobody waits long: one slow provider must not delay all others. Whoever would wait for more than a second, by how long
 * a place is usually taken there, is put off at once, for about as long as those before it will need.
 */
export function createPlaces(clock: Pick<Clock, 'monotonic'>, timers: Timers, chance: Chance): Places {
  const lines = new Map<string, Line>();

  const placeIn = (line: Line, provider: string): Place => {
    line.elsewhere = Math.max(0, line.elsewhere - 1);
    const takenAt = clock.monotonic();
    const leave = (): void => {
      line.usualMs += (clock.monotonic() - takenAt - line.usualMs) * SWAY;
      // The place is handed over, not given back and taken again: nobody can slip in between.
      const next = nextInTurn(line);
      if (next !== undefined) {
        next();
        return;
      }
      line.taken -= 1;
      if (line.taken === 0) lines.delete(provider);
    };
    return { leave };
  };

  /** True: the place is ours. False: nobody left in time. */
  const standIn = (line: Line, user: string): Promise<boolean> =>
    new Promise((resolve) => {
      line.standing += 1;
      const timer = timers.after(LINE_MS, () => {
        goFrom(line, user, called);
        line.standing -= 1;
        // Nobody left for us in all this time: until somebody does so quicker, it is slow.
        line.usualMs = Math.max(line.usualMs, LINE_MS);
        resolve(false);
      });
      const called = (): void => {
        timer.cancel();
        line.standing -= 1;
        resolve(true);
      };
      const own = line.waiting.get(user);
      if (own === undefined) line.waiting.set(user, new Set([called]));
      else own.add(called);
    });

  return {
    async take(provider, most, user) {
      if (most === undefined) return { leave: () => {} };
      const line = lines.get(provider) ?? newLine();
      lines.set(provider, line);
      if (line.taken < most) {
        line.taken += 1;
        return placeIn(line, provider);
      }
      if (isLong(line, most)) return putOff(line, most, chance);
      return (await standIn(line, user)) ? placeIn(line, provider) : putOff(line, most, chance);
    },
  };
}

/** Comes back when those who were put off before are likely to have had their turn. */
function putOff(line: Line, most: number, chance: Chance): Place {
  line.elsewhere += 1;
  const turn = Math.max(PUT_OFF_MIN_MS, line.usualMs * (1 + line.elsewhere / most));
  return { retryInMs: Math.ceil(Math.min(turn, PUT_OFF_MAX_MS) * (0.5 + chance.next())) };
}

/** Nobody knows yet how long a place is taken: it is thought quick until it shows otherwise. */
function newLine(): Line {
  return { taken: 0, waiting: new Map(), elsewhere: 0, standing: 0, usualMs: 0 };
}

/** True where one more would wait for too long: behind slow calls, or behind too many. */
function isLong({ usualMs, standing }: Line, most: number): boolean {
  return usualMs >= LINE_MS || (usualMs * (standing + 1)) / most >= LINE_MS;
}

/** Takes the one whose turn it is out of the line; their user's next turn comes after everybody else's. */
function nextInTurn({ waiting }: Line): (() => void) | undefined {
  const [first] = waiting;
  if (first === undefined) return undefined;
  const [user, own] = first;
  const [next] = own;
  waiting.delete(user);
  if (next !== undefined) own.delete(next);
  if (own.size > 0) waiting.set(user, own);
  return next;
}

function goFrom({ waiting }: Line, user: string, who: () => void): void {
  const own = waiting.get(user);
  own?.delete(who);
  if (own?.size === 0) waiting.delete(user);
}
