import { listOf, optional, publicUrl, text } from './kind.js';
import { setting } from './setting.js';

/** Public, so that the links of a first `npm start` work; production refuses it. */
export const DEVELOPMENT_LINK_SECRET = 'signalbox-development-only-not-a-secret';

/** What people choose, and the links by which they do. */
export const PEOPLE = {
  publicUrl: setting({
    env: 'PUBLIC_URL',
    kind: optional(publicUrl()),
    default: null,
    defaultText: 'http://localhost and the port',
    doc: 'Where recipients reach this server: what the links in their e-mail begin with.',
  }),
  linkSecrets: setting({
    env: 'LINK_SECRET',
    kind: listOf('a list of secrets, each of 32 to 512 printable characters without blanks', text('a secret', /^[!-+\--~]{32,512}$/)),
    default: (mode) => (mode === 'production' ? [] : [DEVELOPMENT_LINK_SECRET]),
    defaultText: 'a public one for development; in production there is none and it must be set',
    secret: true,
    doc: 'Comma-separated secrets of the unsubscribe links in e-mail. The first signs, each is honoured: to rotate, put the new one first and keep the old one as long as mail with its links may be opened.',
  }),
  criticalCategories: setting({
    env: 'CRITICAL_CATEGORIES',
    kind: listOf('a list of categories, e.g. security,account', text('a category', /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}$/)),
    default: ['security', 'account'],
    doc: 'Comma-separated categories that nobody can switch off: opt-outs do not hold for them, quiet hours do. None: write a single comma.',
  }),
  phoneDefaultRegion: setting({
    env: 'PHONE_DEFAULT_REGION',
    kind: optional(text('two capital letters, e.g. PT', /^[A-Z]{2}$/)),
    default: null,
    defaultText: 'none: only international numbers are taken',
    doc: 'Country (ISO 3166) in which phone numbers without a country code are read.',
  }),
};
