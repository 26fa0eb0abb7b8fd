import type { Decision } from '../../pipeline/workload.js';
import type { Person, QuietHours } from '../../ports/people.js';
import type { Delivery, Priority, WorkRecord } from '../../ports/record.js';
import type { NextWindow, QuietWindow } from './quiet-hours.js';
import type { NotificationPayload } from './schema.js';

/** The stored content of a notification's record. */
export function payloadOf(record: WorkRecord): NotificationPayload {
  // Written by this workload's own routes from a validated request, and never changed.
  return record.payload as NotificationPayload;
}

/** From when on there is nothing left to send; null: never. */
export function expiresAt(record: WorkRecord): number | null {
  const text = payloadOf(record).expiresAt;
  return text === null ? null : Date.parse(text);
}

/**
 * Everything that a decision rests on, and nothing else: from these alone anyone can take it again. Flat, so that it is
 * kept with the decision as it is. Times in milliseconds since the epoch, on the store's clock.
 */
export type Facts = {
  readonly now: number;
  readonly priority: Priority;
  readonly category: string;
  readonly channel: string;
  /** Opt-outs do not apply to the category. */
  readonly critical: boolean;
  readonly expiresAt: number | null;
  /** Which version of the person's choices was looked at; 0: they never chose anything. */
  readonly personVersion: number;
  readonly channelOn: boolean;
  readonly categoryOn: boolean;
  /** The person's quiet hours as they set them; all null where they have none. */
  readonly quietStart: string | null;
  readonly quietEnd: string | null;
  /** Names of days with commas between. */
  readonly quietDays: string | null;
  readonly quietTimeZone: string | null;
  /** Why the quiet hours could not be read; they do not count then. */
  readonly quietProblem: 'time-zone-unknown' | null;
  /** So long before a window nothing is begun, because it could last into it. */
  readonly quietMarginMs: number;
  /** The window that lasts now, or the next one. */
  readonly quietFrom: number | null;
  readonly quietUntil: number | null;
};

/** What the rules are told about the world by the composition. */
export interface RuleSettings {
  readonly criticalCategories: readonly string[];
  readonly quietMarginMs: number;
}

/** What was looked up about the person before the rules are asked. */
export interface Circumstances {
  readonly person: Person | null;
  /** There wherever the person has quiet hours. */
  readonly nextWindow: NextWindow | null;
}

/** True where the outcome rests on more than the record's being due: then the facts are kept with the decision. */
export function isWorthKeeping(facts: Facts): boolean {
  return facts.personVersion > 0 || facts.critical || facts.expiresAt !== null;
}

/** Pure. The facts about a delivery at this moment. */
export function factsOf(
  record: WorkRecord,
  delivery: Pick<Delivery, 'channel'>,
  now: number,
  { person, nextWindow }: Circumstances,
  settings: RuleSettings,
): Facts {
  const { category } = payloadOf(record);
  return {
    now,
    priority: record.priority,
    category,
    channel: delivery.channel,
    critical: settings.criticalCategories.includes(category),
    expiresAt: expiresAt(record),
    personVersion: person?.version ?? 0,
    channelOn: person?.channels[delivery.channel] !== false,
    categoryOn: person?.categories[category]?.[delivery.channel] !== false,
    ...quietFacts(person?.quietHours ?? null, nextWindow, now, settings.quietMarginMs),
  };
}

type QuietFacts = Pick<
  Facts,
  'quietStart' | 'quietEnd' | 'quietDays' | 'quietTimeZone' | 'quietProblem' | 'quietMarginMs' | 'quietFrom' | 'quietUntil'
>;

/** What stands in the place of quiet hours for those who have none. */
export const NO_QUIET_HOURS: QuietFacts = {
  quietStart: null,
  quietEnd: null,
  quietDays: null,
  quietTimeZone: null,
  quietProblem: null,
  quietMarginMs: 0,
  quietFrom: null,
  quietUntil: null,
};

/** The part of the facts that depends on quiet hours and the time. */
export function quietFacts(hours: QuietHours | null, nextWindow: NextWindow | null, now: number, marginMs: number): QuietFacts {
  if (hours === null || nextWindow === null) return NO_QUIET_HOURS;
  const window = windowOf(hours, nextWindow, now);
  return {
    quietStart: hours.start,
    quietEnd: hours.end,
    quietDays: hours.days.join(','),
    quietTimeZone: hours.timeZone,
    quietProblem: window === 'time-zone-unknown' ? window : null,
    quietMarginMs: window === 'time-zone-unknown' || window === null ? marginMs : marginOf(window, marginMs),
    quietFrom: window === 'time-zone-unknown' ? null : (window?.from ?? null),
    quietUntil: window === 'time-zone-unknown' ? null : (window?.until ?? null),
  };
}

/** A break that is shorter than two margins is halved: some of it must be left, or what waits for it would wait for ever. */
function marginOf({ from, lastUntil }: QuietWindow, marginMs: number): number {
  return lastUntil === null ? marginMs : Math.min(marginMs, Math.floor((from - lastUntil) / 2));
}

/** A zone that an older version knew and this one does not must not stop what has nothing to do with it. */
function windowOf(hours: QuietHours, nextWindow: NextWindow, now: number): QuietWindow | null | 'time-zone-unknown' {
  try {
    return nextWindow(hours, now);
  } catch (error) {
    if (error instanceof RangeError) return 'time-zone-unknown';
    throw error;
  }
}

/** Pure: the rules, in the order in which they count. */
export function evaluate(facts: Facts): Decision {
  const { now } = facts;
  if (facts.expiresAt !== null && facts.expiresAt <= now) return { kind: 'expire', rule: 'expiry' };
  if (!facts.critical && !facts.channelOn) return { kind: 'skip', rule: 'preference.channel' };
  if (!facts.critical && !facts.categoryOn) return { kind: 'skip', rule: 'preference.category' };
  const quiet = isQuiet(facts);
  if (quiet !== null && facts.priority !== 'urgent') return { kind: 'defer', rule: 'quiet-hours', until: quiet.until };
  if (!facts.channelOn || !facts.categoryOn) return { kind: 'send', rule: 'critical-category' };
  return { kind: 'send', rule: quiet === null ? 'due' : 'quiet-hours.urgent' };
}

function isQuiet({ now, quietFrom, quietUntil, quietMarginMs }: Facts): { readonly until: number } | null {
  if (quietFrom === null || quietUntil === null) return null;
  return now >= quietFrom - quietMarginMs && now < quietUntil ? { until: quietUntil } : null;
}
