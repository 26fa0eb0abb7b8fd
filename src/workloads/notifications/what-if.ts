import type { Decision } from '../../pipeline/workload.js';
import { DAYS, type QuietHours } from '../../ports/people.js';
import type { NextWindow } from './quiet-hours.js';
import { evaluate, type Facts, NO_QUIET_HOURS, quietFacts } from './rules.js';

/** One thing that might have been otherwise, and what the same rules would then have said. */
export interface WhatIf {
  /** What to put after "with" or "otherwise". */
  readonly change: string;
  /** In a few words. */
  readonly outcome: string;
  /** The facts that differ: laid over the decision's own they give the facts of the other case. */
  readonly changed: Partial<Facts>;
  readonly decision: Decision;
}

type Variation = readonly [change: string, changed: Partial<Facts>];

const MINUTE_MS = 60_000;

/** Everything that alone would have led to another outcome, found by asking the rules again with one thing changed. Pure. */
export function whatIfs(facts: Facts, nextWindow: NextWindow | null): readonly WhatIf[] {
  const decided = evaluate(facts);
  return variations(facts, nextWindow)
    .map(([change, changed]): WhatIf => {
      const decision = evaluate({ ...facts, ...changed });
      return { change, outcome: inWords(decision), changed, decision };
    })
    .filter(({ decision }) => decision.kind !== decided.kind || (decision.kind === 'defer' && untilOf(decision) !== untilOf(decided)));
}

function variations(facts: Facts, nextWindow: NextWindow | null): readonly Variation[] {
  const { priority, category, channel, critical, channelOn, categoryOn } = facts;
  return [
    priority === 'urgent' ? ['with priority normal', { priority: 'normal' }] : ['with priority urgent', { priority: 'urgent' }],
    critical
      ? [`with a category that can be switched off, unlike ${category}`, { critical: false }]
      : ['with a category that nobody can switch off (CRITICAL_CATEGORIES)', { critical: true }],
    [`with the channel ${channel} switched ${channelOn ? 'off' : 'on'}`, { channelOn: !channelOn }],
    [`with the category ${category} switched ${categoryOn ? 'off' : 'on'} for ${channel}`, { categoryOn: !categoryOn }],
    ['with the channel and the category switched on', { channelOn: true, categoryOn: true }],
    ['without quiet hours', NO_QUIET_HOURS],
    ...atOtherTimes(facts, nextWindow),
  ];
}

function atOtherTimes(facts: Facts, nextWindow: NextWindow | null): readonly Variation[] {
  const { now, expiresAt, quietFrom, quietUntil, quietMarginMs } = facts;
  const at = (moment: number): Partial<Facts> => ({
    now: moment,
    ...quietFacts(quietHoursOf(facts), nextWindow, moment, quietMarginMs),
  });
  const found: Variation[] = [];
  if (expiresAt !== null && expiresAt <= now) {
    found.push(['without expiresAt', { expiresAt: null }], ['looked at before expiresAt', at(expiresAt - 1)]);
  }
  if (expiresAt !== null && expiresAt > now) found.push(['looked at only at expiresAt', at(expiresAt)]);
  if (quietFrom === null || quietUntil === null) return found;
  found.push(['a minute after the quiet hours end', at(quietUntil + MINUTE_MS)]);
  if (quietFrom > now) found.push(['at the start of the next quiet hours', at(quietFrom)]);
  return found;
}

/** The quiet hours as the person set them; null where the facts have none. */
function quietHoursOf({ quietStart, quietEnd, quietTimeZone, quietDays }: Facts): QuietHours | null {
  if (quietStart === null || quietEnd === null || quietTimeZone === null) return null;
  const named = (quietDays ?? '').split(',');
  return { start: quietStart, end: quietEnd, timeZone: quietTimeZone, days: DAYS.filter((day) => named.includes(day)) };
}

function untilOf(decision: Decision): number | null {
  return decision.kind === 'defer' ? decision.until : null;
}

function inWords(decision: Decision): string {
  switch (decision.kind) {
    case 'send':
      return `sent (${decision.rule})`;
    case 'defer':
      return `put off until ${new Date(decision.until).toISOString()} (${decision.rule})`;
    case 'skip':
      return `skipped (${decision.rule})`;
    case 'expire':
      return `expired (${decision.rule})`;
  }
}
