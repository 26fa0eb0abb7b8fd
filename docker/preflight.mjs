/**
 * Refuses to let a stack for production start with a password that everybody knows, before anything of it runs.
 * What the processes of Signalbox themselves are given they check themselves (`signalbox config check`).
 */
const KNOWN = new Set(['admin', 'admin123', 'changeme', 'development-only', 'guest', 'password', 'root', 'secret', 'signalbox']);
const LEAST = 12;
const PASSWORDS = ['MONGODB_ROOT_PASSWORD', 'MONGODB_PASSWORD', 'RABBITMQ_PASSWORD', 'REDIS_PASSWORD', 'GRAFANA_ADMIN_PASSWORD'];

function wrongWith(name) {
  const value = process.env[name] ?? '';
  if (value === '') return `${name}: is not set`;
  if (KNOWN.has(value.toLowerCase())) return `${name}: is a password that everybody knows`;
  return value.length < LEAST ? `${name}: is shorter than ${LEAST} characters` : null;
}

function toTheSink(name) {
  return /\bsink:/.test(process.env[name] ?? '')
    ? `${name}: leads to the sink, which is for development; set it to the provider, or to nothing`
    : null;
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
  const wrong = [...PASSWORDS.map(wrongWith), ...['SMTP_URL', 'SMS_URL', 'PUSH_URL', 'WEBHOOK_ALLOW'].map(toTheSink)].filter(
    (line) => line !== null,
  );
  for (const line of wrong) console.error(`preflight: ${line}; scripts/setup.sh --production writes a .env without such`);
  if (wrong.length > 0) process.exit(2);
}
