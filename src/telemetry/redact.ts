/** Fields that may hold personal data or secrets, wherever a careless line puts them. */
const REDACTED: ReadonlySet<string> = new Set([
  'recipient',
  'to',
  'email',
  'phone',
  'webhook',
  'pushToken',
  'subject',
  'body',
  'data',
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
]);

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields of a log line without personal data: those of the line itself and of the objects in it. Gives the line back
 * as it is where there is nothing to hide. Pino's own redaction by wildcards took 45 µs a line, ten times the line itself.
 */
export function redacted(line: Fields, levels = 2): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(line)) {
    const value = line[name];
    const shown =
      REDACTED.has(name) && value !== undefined ? '[redacted]' : levels > 1 && isPlain(value) ? redacted(value, levels - 1) : value;
    if (shown === value) continue;
    copy ??= { ...line };
    copy[name] = shown;
  }
  return copy ?? line;
}

/** An error is not looked into here: only once it is written out does it show what it holds. */
function isPlain(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Error);
}
