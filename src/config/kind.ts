import { isIP } from 'node:net';
import { z } from 'zod';

/** One sort of value: how its text is read, and in words what it must be. The words serve the error line and the reference alike. */
export interface Kind<T> {
  /** Completes "is not …" and "must be …", e.g. `a port (0 to 65535)`. */
  readonly shape: string;
  readonly schema: z.ZodType<T, string>;
}

const NOT_ONE = Symbol('not of this kind');

function kind<T>(shape: string, parse: (text: string) => T | typeof NOT_ONE): Kind<T> {
  const schema = z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== NOT_ONE) return value;
    context.addIssue({ code: 'custom', message: shape });
    return z.NEVER;
  });
  return { shape, schema };
}

function integerWithin(text: string, min: number, max: number): number | typeof NOT_ONE {
  // Number() alone would take "1e3", "0x10" and " 7 ": a typo deserves a complaint, not a guess.
  if (!/^-?\d{1,15}$/.test(text)) return NOT_ONE;
  const value = Number(text);
  return value >= min && value <= max ? value : NOT_ONE;
}

/** The longest delay that a Node timer keeps; anything above fires at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export function port(): Kind<number> {
  return kind('a port (0 to 65535)', (text) => integerWithin(text, 0, 65_535));
}

export function integer(min: number, max: number): Kind<number> {
  return kind(`a whole number from ${min} to ${max}`, (text) => integerWithin(text, min, max));
}

export function milliseconds(min: number, max = LONGEST_TIMER_MS): Kind<number> {
  return kind(`a whole number of milliseconds from ${min} to ${max}`, (text) => integerWithin(text, min, max));
}

export function flag(): Kind<boolean> {
  return kind('true or false', (text) => {
    const word = text.toLowerCase();
    if (['true', '1', 'yes', 'on'].includes(word)) return true;
    return ['false', '0', 'no', 'off'].includes(word) ? false : NOT_ONE;
  });
}

export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  return kind(`one of ${words.join(', ')}`, (text) => words.find((word) => word === text) ?? NOT_ONE);
}

export function text(shape: string, pattern: RegExp): Kind<string> {
  return kind(shape, (value) => (pattern.test(value) ? value : NOT_ONE));
}

/** Any text without control characters. */
export function anyText(): Kind<string> {
  return text('text on one line', /^\P{Cc}+$/u);
}

/** A URL of one of these schemes (`smtp:` …); any scheme when none is given. */
export function url(...schemes: readonly string[]): Kind<string> {
  const shape =
    schemes.length === 0 ? 'a URL (scheme://…)' : `a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`;
  return kind(shape, (value) => {
    if (!URL.canParse(value)) return NOT_ONE;
    return schemes.length === 0 || schemes.includes(new URL(value).protocol) ? value : NOT_ONE;
  });
}

/** Where a server is reached from outside: http or https, without user, query, fragment or a slash at the end. */
export function publicUrl(): Kind<string> {
  return kind('an http or https URL without query and without a slash at its end, e.g. https://notify.example.org', (value) => {
    if (!URL.canParse(value)) return NOT_ONE;
    const { protocol, username, password, origin, pathname } = new URL(value);
    const plain = (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
    // Nothing but an origin and a path comes out as it went in, and the path is safe in a header and a page.
    const same = value === origin || value === `${origin}${pathname}`;
    return plain && same && /^[!-~]{1,512}$/.test(value) && !/[<>"'\\]|\/$/.test(value) ? value : NOT_ONE;
  });
}

/** An operator's own provider over HTTP. Credentials have a setting of their own: in a URL they would end up in logs. */
export function providerUrl(): Kind<string> {
  return kind('an http or https URL without user name, password and fragment', (value) => {
    if (!URL.canParse(value)) return NOT_ONE;
    const { protocol, username, password, hash } = new URL(value);
    const plain = (protocol === 'https:' || protocol === 'http:') && username === '' && password === '' && hash === '';
    return plain ? value : NOT_ONE;
  });
}

/** Comma-separated values of one kind; blanks around them and empty places are dropped. */
export function listOf<T>(shape: string, one: Kind<T>): Kind<readonly T[]> {
  return kind(shape, (value) => {
    const parts = value.split(',').map((part) => part.trim());
    const parsed = parts.filter((part) => part !== '').map((part) => one.schema.safeParse(part));
    return parsed.every((each) => each.success) ? parsed.map((each) => each.data) : NOT_ONE;
  });
}

/** Where nothing means "not set": the same kind, `null` as its default. */
export function optional<T>(of: Kind<T>): Kind<T | null> {
  return of;
}

/** `whsec_` and the base64 of 24 to 64 bytes, as Standard Webhooks has it. */
export function webhookSecret(): Kind<string> {
  return kind('whsec_ followed by the base64 of 24 to 64 bytes', (value) => {
    const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(value)?.[1];
    if (encoded === undefined) return NOT_ONE;
    const bytes = Buffer.from(encoded, 'base64');
    const intact = bytes.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
    return intact && bytes.length >= 24 && bytes.length <= 64 ? value : NOT_ONE;
  });
}

/** A place that webhooks may reach although it is private: one host and port, or a network. */
export function webhookTarget(): Kind<string> {
  return kind('host:port or a CIDR', (value) => {
    const [address = '', bits] = value.split('/');
    if (bits !== undefined) {
      const family = isIP(address);
      return family !== 0 && integerWithin(bits, 0, family === 4 ? 32 : 128) !== NOT_ONE ? value : NOT_ONE;
    }
    const [, host, number] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d+)$/.exec(value) ?? [];
    return host !== undefined && number !== undefined && integerWithin(number, 1, 65_535) !== NOT_ONE ? value : NOT_ONE;
  });
}

const NAMED_NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

/** Addresses of machines: one, a CIDR, or one of the names that Express knows. */
export function network(): Kind<string> {
  return kind('an address, a CIDR, loopback, linklocal or uniquelocal', (value) => {
    if (NAMED_NETWORKS.includes(value)) return value;
    const [address = '', bits] = value.split('/');
    const family = isIP(address);
    if (family === 0) return NOT_ONE;
    return bits === undefined || integerWithin(bits, 0, family === 4 ? 32 : 128) !== NOT_ONE ? value : NOT_ONE;
  });
}

/** What a process may do. */
export const ROLES = ['api', 'worker', 'scheduler', 'janitor'] as const;

export type Role = (typeof ROLES)[number];

/** Roles, comma-separated; `all` is every one. */
export function roles(): Kind<readonly Role[]> {
  return kind(`all, or a list of ${ROLES.join(', ')}`, (value) => {
    const words = value.split(',').map((word) => word.trim().toLowerCase());
    if (words.includes('all')) return words.length === 1 ? ROLES : NOT_ONE;
    const found = ROLES.filter((role) => words.includes(role));
    return found.length === words.length ? found : NOT_ONE;
  });
}

/** A MongoDB connection string; it may name several hosts, which makes it no URL in the eyes of `URL`. */
export function mongoUri(): Kind<string> {
  const pattern = /^mongodb(\+srv)?:\/\/([^\s/@]+@)?[^\s/@?]+(\/[^\s?]*)?(\?\S*)?$/;
  return kind('a MongoDB connection string (mongodb://host:27017/database)', (value) => (pattern.test(value) ? value : NOT_ONE));
}
