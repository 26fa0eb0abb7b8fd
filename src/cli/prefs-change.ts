import { CliError } from './cli-error.js';

export interface QuietHours {
  readonly start: string;
  readonly end: string;
  readonly timeZone: string;
  readonly days?: readonly string[];
}

/** What a person has chosen, as the API takes it. */
export interface Choices {
  readonly contacts: Readonly<Record<string, string>>;
  readonly channels: Readonly<Record<string, boolean>>;
  readonly categories: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  readonly quietHours: QuietHours | null;
}

/** The flags of `prefs set`. */
export interface ChangeOptions {
  readonly email?: string;
  readonly phone?: string;
  readonly webhook?: string;
  readonly pushToken?: string;
  readonly off: readonly string[];
  readonly on: readonly string[];
  /** `22:00-07:00`; false: none any more. */
  readonly quiet?: string | false;
  readonly zone?: string;
  readonly days?: readonly string[];
}

/** Pure. The choices with the changes that the flags ask for; everything else stays. @throws CliError (2) */
export function changed(choices: Choices, options: ChangeOptions): Choices {
  const { email, phone, webhook, pushToken } = options;
  const contacts = Object.entries({ email, phone, webhook, pushToken }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  let next: Choices = {
    ...choices,
    contacts: { ...choices.contacts, ...Object.fromEntries(contacts) },
    quietHours: quietHours(choices, options),
  };
  for (const name of options.off) next = switched(next, name, false);
  for (const name of options.on) next = switched(next, name, true);
  return next;
}

/** `email` is a channel; `marketing/email` a category on a channel. */
function switched(choices: Choices, name: string, wanted: boolean): Choices {
  const [first = '', channel, ...more] = name.split('/');
  if (first === '' || channel === '' || more.length > 0) throw new CliError(`${name} is neither a channel nor category/channel`, 2);
  if (channel === undefined) return { ...choices, channels: { ...choices.channels, [first]: wanted } };
  const category = { ...choices.categories[first], [channel]: wanted };
  return { ...choices, categories: { ...choices.categories, [first]: category } };
}

function quietHours({ quietHours: now }: Choices, { quiet, zone, days }: ChangeOptions): QuietHours | null {
  if (quiet === false) return null;
  if (quiet === undefined && zone === undefined && days === undefined) return now;
  const given: Partial<QuietHours> = {
    ...now,
    ...(quiet === undefined ? {} : hoursOf(quiet)),
    ...(zone === undefined ? {} : { timeZone: zone }),
    ...(days === undefined ? {} : { days }),
  };
  const { start, end, timeZone } = given;
  if (start === undefined || end === undefined) throw new CliError('quiet hours need --quiet, e.g. 22:00-07:00', 2);
  if (timeZone === undefined) throw new CliError('quiet hours need a --zone, e.g. Europe/Lisbon', 2);
  return { ...given, start, end, timeZone };
}

function hoursOf(text: string): Pick<QuietHours, 'start' | 'end'> {
  const [, start, end] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text) ?? [];
  if (start === undefined || end === undefined) throw new CliError('--quiet must be as 22:00-07:00', 2);
  return { start, end };
}
