import { DAYS } from '../../../src/ports/people.js';
import { type QuietMinutes, type Span, shiftsOf, Timeline } from './zone-oracle.js';

const DAY = 86_400_000;

/** The inputs of a decision, as `…/explain` gives them to anyone. */
export interface Inputs {
  readonly now: string;
  readonly priority: string;
  readonly critical: boolean;
  readonly expiresAt: string | null;
  readonly channelOn: boolean;
  readonly categoryOn: boolean;
  readonly quietStart: string | null;
  readonly quietEnd: string | null;
  readonly quietDays: string | null;
  readonly quietTimeZone: string | null;
  readonly quietMarginMs: number;
}

export type Outcome = { readonly kind: 'send' | 'skip' | 'expire' } | { readonly kind: 'defer'; readonly until: string };

/** The rules once more, read off the documentation, with a calendar of its own: nothing of the program is asked. */
export class Interpreter {
  private readonly known = new Map<string, QuietMinutes>();

  outcomeOf(inputs: Inputs): Outcome {
    const now = Date.parse(inputs.now);
    if (inputs.expiresAt !== null && now >= Date.parse(inputs.expiresAt)) return { kind: 'expire' };
    if (!(inputs.critical || (inputs.channelOn && inputs.categoryOn))) return { kind: 'skip' };
    if (inputs.priority === 'urgent') return { kind: 'send' };
    const window = this.windowAt(inputs, now);
    if (window === null || now < window.from - inputs.quietMarginMs) return { kind: 'send' };
    return { kind: 'defer', until: new Date(window.until).toISOString() };
  }

  private windowAt({ quietStart, quietEnd, quietDays, quietTimeZone }: Inputs, now: number): Span | null {
    if (quietStart === null || quietEnd === null || quietTimeZone === null) return null;
    if (quietDays === null || quietDays === '' || !isZone(quietTimeZone)) return null;
    // What was scanned once serves for some days.
    const around = Math.floor(now / (5 * DAY)) * 5 * DAY;
    const key = [quietStart, quietEnd, quietDays, quietTimeZone, around].join();
    let minutes = this.known.get(key);
    if (minutes === undefined) {
      const named = quietDays.split(',');
      const hours = { start: quietStart, end: quietEnd, timeZone: quietTimeZone, days: DAYS.filter((day) => named.includes(day)) };
      const shifts = shiftsOf(quietTimeZone, around - 20 * DAY, around + 40 * DAY);
      minutes = new Timeline(shifts, around, 10, 30).quiet(hours);
      this.known.set(key, minutes);
    }
    return minutes.windowAt(now);
  }
}

function isZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }) !== null;
  } catch {
    return false;
  }
}
