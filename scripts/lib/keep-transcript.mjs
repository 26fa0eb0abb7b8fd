/**
 * Copies a transcript to where it is kept beside the code, without what is secret or only of this machine:
 * node scripts/lib/keep-transcript.mjs TRANSCRIPT FILE [PROJECT]     from the root of the project; PROJECT is compose's name for it
 *
 * Secrets are the values of .env and of the environment whose names say so, and what a URL or a header has for a password. Exit 1,
 * and nothing is written: one of them would be left.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { parseEnv, stripVTControlCharacters } from 'node:util';

/** The documents print these: they are for a stack that nobody else reaches. */
const KNOWN = new Set(['admin', 'development-only', 'guest', 'root', 'signalbox', 'false', 'true']);
const SECRET_NAME = /(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|_KEY|CREDENTIALS|DSN)$/i;
/** What follows a name may be told from other words only if it is long enough. */
const LEAST = 4;
const SHOWN = '(secret)';

/** Longest first, so that none is cut by a part of it. */
function secretsOf(variables) {
  const named = Object.entries(variables).flatMap(([name, value = '']) => {
    const inUrl = /:\/\/[^:@/\s]*:([^@/\s]+)@/.exec(value)?.[1];
    return [...(SECRET_NAME.test(name) ? [value] : []), ...(inUrl === undefined ? [] : [inUrl, decoded(inUrl)])];
  });
  return [...new Set(named)].filter((value) => value !== '' && !KNOWN.has(value)).sort((a, b) => b.length - a.length);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutSecrets(text, secrets) {
  const known = secrets.reduce((left, secret) => left.replaceAll(secret, SHOWN), text);
  return known
    .replace(/(:\/\/)[^:@/\s"']*:[^@/\s"']+@/g, (all, start) => (all === `${start}guest:guest@` ? all : `${start}${SHOWN}@`))
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/g, `$1 ${SHOWN}`)
    .replace(/\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+/g, SHOWN);
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Directories, the name of this machine, the name that its directory gave the stack, and what npm thinks of its settings. */
function withoutPlace(text, project) {
  const places = [
    [process.cwd(), '.'],
    [homedir(), '~'],
    [tmpdir(), '(temporary)'],
  ];
  const moved = places.reduce((left, [path, name]) => (path === '/' ? left : left.replaceAll(path, name)), text);
  const named = moved.replace(new RegExp(`\\b${escaped(hostname())}\\b`, 'g'), '(host)');
  const stack = project === '' ? named : named.replace(new RegExp(`\\b${escaped(project)}_`, 'g'), 'signalbox_');
  return stack.replace(/^npm (warn|notice) .*\n/gm, '').replace(/[ \t\r]+$/gm, '');
}

const [from = '', to = '', project = ''] = process.argv.slice(2);
const written = existsSync('.env') ? parseEnv(readFileSync('.env', 'utf8')) : {};
const secrets = [...new Set([...secretsOf(written), ...secretsOf(process.env)])];
const short = secrets.filter((secret) => secret.length < LEAST);
const kept = withoutPlace(withoutSecrets(stripVTControlCharacters(readFileSync(from, 'utf8')), secrets), project);
const left = secrets.filter((secret) => secret.length >= LEAST && kept.includes(secret));
if (short.length > 0 || left.length > 0) {
  console.error(
    short.length > 0
      ? `${to} is not written: ${short.length} of the secrets are shorter than ${LEAST} characters, and cannot be told from other words`
      : `${to} is not written: ${left.length} secrets would be left in it`,
  );
  process.exitCode = 1;
} else {
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, kept);
  console.log(`kept in ${to}: ${kept.split('\n').length} lines`);
}
