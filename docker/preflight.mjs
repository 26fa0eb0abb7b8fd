/**
 * Refuses to let a stack for production start with a password that everybody knows, or with alerts that nobody hears, before
 * anything of it runs. What the processes of Signalbox themselves are given they check themselves (`signalbox config check`).
 *
 *     node docker/preflight.mjs [/etc/alertmanager]    the directory in which Alertmanager finds its configuration and secrets
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const KNOWN = new Set(['admin', 'admin123', 'changeme', 'development-only', 'guest', 'password', 'root', 'secret', 'signalbox']);
const LEAST = 12;
const PASSWORDS = ['MONGODB_ROOT_PASSWORD', 'MONGODB_PASSWORD', 'RABBITMQ_PASSWORD', 'REDIS_PASSWORD', 'GRAFANA_ADMIN_PASSWORD'];

function wrongWith(name) {
  const value = process.env[name] ?? '';
  if (value === '') return `${name}: is not set`;
  if (KNOWN.has(value.toLowerCase())) return `${name}: is a password that everybody knows`;
  return value.length < LEAST ? `${name}: is shorter than ${LEAST} characters` : null;
}

const SINK = /\bsink:/;

function toTheSink(name) {
  return SINK.test(process.env[name] ?? '')
    ? `${name}: leads to the sink, which is for development; set it to the provider, or to nothing`
    : null;
}

/** Where Alertmanager sees both, and so do we; people know them by these settings. */
const ALERTS = process.argv[2] ?? '/etc/alertmanager';
const CONFIG = `ALERTMANAGER_CONFIG: ${process.env.ALERTMANAGER_CONFIG || 'docker/alertmanager.yml'}`;
const SECRETS = process.env.ALERTMANAGER_SECRETS || 'docker/alertmanager/secrets';

const CONFIG_REMEDY = 'set ALERTMANAGER_CONFIG to a file of your own; scripts/setup.sh --receivers makes one';
const SECRETS_REMEDY = 'set ALERTMANAGER_SECRETS to a directory of your own; scripts/setup.sh --receivers makes one';
const READABLE = 'it must be a file that all users can read, in a directory that all can enter, for Alertmanager is not its owner';

/** What is wrong with a value by which alerts are to reach somebody. */
function nowhere(value, remedy) {
  if (SINK.test(value)) return `leads to the sink, which is for development; ${remedy}`;
  return value.includes('fill-in') ? 'is still to be filled in, there or by scripts/setup.sh --receivers' : null;
}

function textOf(path) {
  try {
    // That we can read it does not mean that Alertmanager can, which is another user.
    if ((statSync(path).mode & 0o004) === 0) return { unreadable: 'its owner and group only' };
    if ((statSync(dirname(path)).mode & 0o001) === 0) return { unreadable: 'its directory is closed to others than its owner and group' };
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { unreadable: error.code };
  }
}

function wrongWithSecret(name) {
  const { text, unreadable } = textOf(join(ALERTS, 'secrets', name));
  const of = `ALERTMANAGER_SECRETS: ${join(SECRETS, name)}`;
  if (unreadable !== undefined) return `${of} cannot be read (${unreadable}); ${READABLE}`;
  const value = text.trim();
  if (value === '') return `${of} is empty`;
  if (KNOWN.has(value.toLowerCase())) return `${of} is a secret that everybody knows; ${SECRETS_REMEDY}`;
  const wrong = nowhere(value, SECRETS_REMEDY);
  return wrong === null ? null : `${of} ${wrong}`;
}

/** Port 465 speaks TLS from the first byte, and so does Alertmanager there; to require TLS is to want STARTTLS within it as well. */
function wrongWithTls(lines) {
  const port = lines.some((line) => /^\s*smtp_smarthost:.*:465\b/.test(line));
  return port && !lines.some((line) => /\b(smtp_)?require_tls:\s*false\b/.test(line))
    ? `${CONFIG}: nothing is sent by a relay on port 465 without smtp_require_tls: false; it has TLS all the same`
    : null;
}

/** A receiver of such a name is meant to tell nobody. Not where all begins. */
const NOBODY = /^(null|none)$/;
/** A list, or what stands for one, with something in it. */
const TELLS = /_configs:\s*(?:[-*&]|\[(?!\s*\]))/;

/** The lines of what begins with this word at their start. */
function section(lines, name) {
  const from = lines.findIndex((line) => line.startsWith(`${name}:`));
  const after = lines.slice(from + 1);
  const length = after.findIndex((line) => /^[a-z_]+:/.test(line));
  return from < 0 ? [] : [lines[from], ...after.slice(0, length < 0 ? undefined : length)];
}

function wordOf(line, key) {
  const found = new RegExp(`(?:^|[\\s{,])${key}:\\s*(?:"([^"]*)"|'([^']*)'|([^"',}]+))`).exec(line);
  return found === null ? undefined : (found[1] ?? found[2] ?? found[3]).trim();
}

/** Of each receiver by its name whether it tells somebody. */
function receiversOf(lines) {
  const [, ...list] = section(lines, 'receivers');
  const indent = list.map((line) => /^ *- /.exec(line)?.[0]).find((found) => found !== undefined);
  const items =
    indent === undefined
      ? []
      : list
          .join('\n')
          .split(new RegExp(`^${indent}`, 'm'))
          .slice(1);
  return new Map(
    items.map((item) => [
      item
        .split('\n')
        .map((line) => wordOf(line, 'name'))
        .find(Boolean),
      TELLS.test(item),
    ]),
  );
}

/**
 * Whether alerts are led to a receiver that tells nobody. There is no parser of YAML here: a receiver is what begins with `- ` on a line of
 * its own below `receivers:`, as in Alertmanager's own documentation. Where receivers are written as `[{…}]` we see only whether the
 * file tells anybody at all. We never see whether a route's matchers lead anything there, nor what a time interval keeps back.
 */
function deafReceivers(lines) {
  const tells = receiversOf(lines);
  const routed = section(lines, 'route')
    .map((line) => ({ name: wordOf(line, 'receiver'), depth: line.search(/\S/) }))
    .filter(({ name }) => name !== undefined)
    .sort((one, other) => one.depth - other.depth)
    .map(({ name }, at) => (at > 0 && NOBODY.test(name) ? undefined : name));
  return [...new Set(routed)]
    .filter((name) => tells.get(name) === false)
    .map(
      (name) => `${CONFIG}: a route leads to the receiver ${name}, which tells nobody; give it one of its …_configs, or another receiver`,
    );
}

/** Line by line, without what is a comment: whatever it is in, an address of the sink leads nobody anywhere. */
function wrongWithAlerts() {
  const { text, unreadable } = textOf(join(ALERTS, 'alertmanager.yml'));
  if (unreadable !== undefined) return [`${CONFIG} cannot be read (${unreadable}); ${READABLE}`];
  const lines = text.split('\n').map((line) => line.replace(/(^|\s)#.*$/, ''));
  const marks = lines.map((line, at) => {
    const wrong = nowhere(line, CONFIG_REMEDY);
    return wrong === null ? null : `${CONFIG}, line ${at + 1}: ${line.trim()} ${wrong}`;
  });
  const deaf = lines.some((line) => /_configs:/.test(line)) ? null : `${CONFIG} has no receiver that tells anybody; ${CONFIG_REMEDY}`;
  const secrets = lines.flatMap((line) => [...line.matchAll(/\/etc\/alertmanager\/secrets\/([\w.-]+)/g)].map(([, name]) => name));
  return [deaf, ...deafReceivers(lines), wrongWithTls(lines), ...marks, ...[...new Set(secrets)].map(wrongWithSecret)];
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|\[?::1\]?|localhost)$/;
const address = process.env.PUBLIC_ADDRESS || '127.0.0.1';
if (process.env.NODE_ENV !== 'production' && !LOOPBACK.test(address)) {
  console.error(
    `preflight: PUBLIC_ADDRESS: ${address} is reached by others, and NODE_ENV is not production: nobody would be asked for a key; scripts/setup.sh --production writes a .env for that`,
  );
  process.exit(2);
}

if (process.env.NODE_ENV === 'production') {
  const ofEnv = [...PASSWORDS.map(wrongWith), ...['SMTP_URL', 'SMS_URL', 'PUSH_URL', 'WEBHOOK_ALLOW'].map(toTheSink)]
    .filter((line) => line !== null)
    .map((line) => `${line}; scripts/setup.sh --production writes a .env without such`);
  const wrong = [...ofEnv, ...wrongWithAlerts().filter((line) => line !== null)];
  for (const line of wrong) console.error(`preflight: ${line}`);
  if (wrong.length > 0) process.exit(2);
}
