/** Bits that a secret must be able to hold: those of a SHA-256 key. */
const BITS = 256;
/** Random text of that length has more; what is typed, or repeats itself, has fewer. */
const DISTINCT = 10;

const ALPHABETS: readonly (readonly [of: RegExp, size: number])[] = [
  [/^[0-9]+$/, 10],
  [/^[0-9a-f]+$|^[0-9A-F]+$/, 16],
  [/^[a-z]+$|^[A-Z]+$/, 26],
  [/^[A-Za-z0-9+/=_-]+$/, 64],
];
const PRINTABLE = 95;

/** What stands in templates, tutorials and examples, in whatever spelling. */
const KNOWN = [
  'changeme',
  'changethis',
  'replaceme',
  'replacewith',
  'yoursecret',
  'yourjwt',
  'yoursuper',
  'supersecret',
  'jwtsecret',
  'secretkey',
  'mysecret',
  'notasecret',
  'developmentonly',
  'example',
  'password',
  'abcdefghijkl',
  'qwerty',
];

/**
 * Why a secret is no secret, or null as far as a program can tell: it could not hold 32 bytes, it repeats itself, or it is
 * the text of an example. The words complete "its value …".
 */
export function weakness(secret: string): string | null {
  const plain = secret.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (KNOWN.some((known) => plain.includes(known))) return 'is one that everybody knows';
  const text = secret.replace(/=+$/, '');
  const size = ALPHABETS.find(([of]) => of.test(text))?.[1] ?? PRINTABLE;
  if (new Set(text).size < DISTINCT || repeats(text)) return 'repeats itself';
  // Rounded up: 43 characters of base64 hold 32 bytes and two bits.
  return text.length * Math.log2(size) < BITS ? 'cannot hold 32 random bytes' : null;
}

/** A shorter text, written again and again. */
function repeats(text: string): boolean {
  return `${text}${text}`.indexOf(text, 1) < text.length;
}

const COMMON: ReadonlySet<string> = new Set([
  ...['guest', 'admin', 'admin123', 'admin1234', 'administrator', 'root', 'toor', 'user', 'test', 'demo', 'default', 'example'],
  ...['password', 'password1', 'password123', 'passw0rd', 'pass', 'secret', 'changeme', 'changeit', 'letmein', 'qwerty', 'welcome'],
  ...['123456', '12345678', '123456789', 'bitnami', 'rabbitmq', 'mongodb', 'mongo', 'redis', 'postgres', 'foobared', 'signalbox'],
  // Of the development profile of the compose files.
  'development-only',
]);

/** A password that comes with a server, or that anybody would try: these, none at all beside a user, or the user's own name. */
export function isKnownPassword(username: string, password: string): boolean {
  return COMMON.has(password.toLowerCase()) || (username !== '' && password.toLowerCase() === username.toLowerCase());
}
