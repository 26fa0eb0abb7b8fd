import { columns } from './table.js';

export type Facts = Readonly<Record<string, unknown>>;

/** A decision as the API explains it. */
export interface DecisionTold {
  readonly at: string;
  readonly name: string;
  readonly rule: string;
  readonly actor: string;
  readonly clock: string;
  readonly deliveryId?: string | null;
  /** The rule in a sentence. */
  readonly why?: string | null;
  readonly detail?: Facts;
  /** What it was taken on. */
  readonly inputs?: Facts;
  readonly wouldHaveChanged?: readonly { readonly change: string; readonly outcome: string }[];
}

/**
 * Decisions for a person, one a line, each with what it was taken on and what would have made it another.
 * `channels`: the channel by delivery id.
 */
export function decisionsText(decisions: readonly DecisionTold[], channels: ReadonlyMap<string, string>): string {
  const heads = columns(
    decisions.map(({ at, name, rule, actor, clock, deliveryId }) => [
      at,
      channels.get(deliveryId ?? '') ?? '',
      name,
      rule,
      `by ${actor}, ${clock}'s clock`,
    ]),
  ).split('\n');
  return decisions.flatMap((decision, index) => [heads[index] ?? '', ...reasons(decision)]).join('\n');
}

function reasons({ why, detail = {}, inputs, wouldHaveChanged = [] }: DecisionTold): readonly string[] {
  const facts = inline(folded({ ...detail, ...inputs }));
  return [
    ...(why === undefined || why === null ? [] : [`    ${why}`]),
    ...(facts === '' ? [] : [`    on: ${facts}`]),
    ...wouldHaveChanged.map(({ change, outcome }) => `    otherwise: ${change}: ${outcome}`),
  ];
}

/** Quiet hours are seven facts; for a person they are one. */
function folded(facts: Facts): Facts {
  const { quietStart, quietEnd, quietDays, quietTimeZone, quietFrom, quietUntil, quietMarginMs: _margin, ...others } = facts;
  if (typeof quietStart !== 'string') return others;
  const days = String(quietDays).split(',').length === EVERY_DAY ? '' : ` (${quietDays})`;
  const span = quietFrom === null ? '' : `, that is ${quietFrom} to ${quietUntil}`;
  return { ...others, 'quiet hours': `${quietStart}-${quietEnd} ${quietTimeZone}${days}${span}` };
}

const EVERY_DAY = 7;

/** `name=value name=value`; what is not known or not so is left out. */
export function inline(facts: Facts): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(' ');
}
