import { createHmac, timingSafeEqual } from 'node:crypto';
import type { PeopleStore } from '../../ports/people.js';

/** What a link switches off: a category of e-mail, for one person. */
export interface Unsubscription {
  readonly tenant: string;
  readonly userId: string;
  readonly category: string;
}

/** Links that say who they are for, and that nobody else can make. */
export interface UnsubscribeLinks {
  /** The same for the same person and category, whenever it is made. */
  urlFor(of: Unsubscription): string;
  /** Null for whatever we have not signed. */
  read(token: string): Unsubscription | null;
}

/** Longer than any of ours; what is longer is not looked at. */
const TOKEN_MAX = 1024;
/** Signed with the content, so that a signature for one purpose can never serve another. */
const PURPOSE = 'unsubscribe:';

/**
 * `secrets`: the first signs, each is honoured. `base`: where recipients reach the server, without a slash at its end;
 * asked for each link, since a free port is known only once it is bound.
 */
export function createUnsubscribeLinks(secrets: readonly string[], base: () => string): UnsubscribeLinks {
  const [signing] = secrets;
  if (signing === undefined) throw new TypeError('a link needs a secret');
  return {
    urlFor({ tenant, userId, category }) {
      const content = Buffer.from(JSON.stringify({ t: tenant, u: userId, c: category })).toString('base64url');
      return `${base()}/unsubscribe/${content}.${sign(signing, content)}`;
    },
    read(token) {
      if (token.length > TOKEN_MAX) return null;
      const [content = '', signature = '', ...rest] = token.split('.');
      if (rest.length > 0) return null;
      // Every secret is tried, whichever fits: how long it takes says nothing.
      const fits = secrets.map((secret) => equal(sign(secret, content), signature)).includes(true);
      return fits ? contentOf(content) : null;
    },
  };
}

function sign(secret: string, content: string): string {
  return createHmac('sha256', secret).update(PURPOSE).update(content).digest('base64url');
}

/** As text: several texts stand for the same bytes in base64, and only one of them is ours. */
function equal(expected: string, given: string): boolean {
  const [ours, theirs] = [Buffer.from(expected), Buffer.from(given)];
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
}

function contentOf(content: string): Unsubscription | null {
  const { t, u, c } = JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as { t?: unknown; u?: unknown; c?: unknown };
  if (typeof t !== 'string' || typeof u !== 'string' || typeof c !== 'string') return null;
  return { tenant: t, userId: u, category: c };
}

/** Someone else changed the person's choices between our read and our write: read again, this often. */
const TRIES = 10;

/** Switches the category off for e-mail. `unchanged`: it was off. Null: the choices change too quickly just now. */
export async function unsubscribe(
  people: Pick<PeopleStore, 'get' | 'put'>,
  { tenant, userId, category }: Unsubscription,
): Promise<'changed' | 'unchanged' | null> {
  const key = { tenant, userId };
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const person = await people.get(key);
    const { contacts = {}, channels = {}, categories = {}, quietHours = null } = person ?? {};
    if (categories[category]?.['email'] === false) return 'unchanged';
    const switched = { ...categories, [category]: { ...categories[category], email: false } };
    const { outcome } = await people.put(key, { contacts, channels, categories: switched, quietHours }, person?.version ?? 0);
    if (outcome === 'stored') return 'changed';
  }
  return null;
}
