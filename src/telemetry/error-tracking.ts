import { randomUUID } from 'node:crypto';

/** A collector that takes longer is given up: the error is in the log anyway. */
const ANSWER_WITHIN_MS = 5_000;
/** Events under way at a time. A storm of errors must not become a storm of requests: what is more is only counted. */
const MOST_UNDER_WAY = 10;
/** Frames of one stack. */
const MOST_FRAMES = 50;

export interface ErrorTrackingOptions {
  /** `https://key@host/project`, as Sentry and those who speak its protocol give it. */
  readonly dsn: string;
  readonly version: string;
  readonly environment: string;
  readonly worker: string;
  /** An event was not taken. */
  onLost(reason: string): void;
}

/** What was under way when an error was thrown. */
export interface ErrorPlace {
  readonly message: string;
  readonly requestId?: string;
  readonly where?: string;
}

/**
 * Sends each error once to a collector that speaks Sentry's protocol. Nobody waits for it and nothing fails with it. What an
 * error says may hold a recipient or content, so its text stays in the log: an event has its type, its code, where in the code it
 * was thrown, and the request id to find the line by.
 */
export function createErrorTracking(options: ErrorTrackingOptions): (error: unknown, place: ErrorPlace) => void {
  const { url, headers } = collectorOf(options);
  const told = new WeakSet<Error>();
  let underWay = 0;
  let dropped = 0;
  return (error, place) => {
    if (!(error instanceof Error) || told.has(error)) return;
    told.add(error);
    if (underWay >= MOST_UNDER_WAY) {
      dropped += 1;
      return;
    }
    const body = envelope(eventOf(error, place, dropped, options));
    dropped = 0;
    underWay += 1;
    fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
      .then(async (answer) => {
        await answer.body?.cancel();
        if (!answer.ok) options.onLost(`it answered ${answer.status}`);
      })
      .catch((reason: unknown) => options.onLost(reason instanceof Error ? reason.message : String(reason)))
      .finally(() => {
        underWay -= 1;
      });
  };
}

function collectorOf({ dsn, version }: ErrorTrackingOptions) {
  const { protocol, host, username, pathname } = new URL(dsn);
  const [, folder = '', project = ''] = /^(.*)\/([^/]+)$/.exec(pathname) ?? [];
  return {
    url: `${protocol}//${host}${folder}/api/${project}/envelope/`,
    headers: {
      'content-type': 'application/x-sentry-envelope',
      'x-sentry-auth': `Sentry sentry_version=7, sentry_client=signalbox/${version}, sentry_key=${username}`,
    },
  };
}

type Event = ReturnType<typeof eventOf>;

function eventOf(error: Error, place: ErrorPlace, dropped: number, { version, environment, worker }: ErrorTrackingOptions) {
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? String(error.code) : undefined;
  return {
    event_id: randomUUID().replaceAll('-', ''),
    timestamp: Date.now() / 1000,
    platform: 'node',
    level: 'error',
    logger: 'signalbox',
    release: `signalbox@${version}`,
    environment,
    server_name: worker,
    // The words of our own line, never those of the error.
    transaction: place.where ?? place.message,
    tags: { ...(code === undefined ? {} : { code }), ...(place.requestId === undefined ? {} : { requestId: place.requestId }) },
    extra: { dropped },
    exception: { values: [{ type: error.name, value: code ?? place.message, stacktrace: { frames: framesOf(error) } }] },
  };
}

/** The lines `at …` after the error's text, which may look like them. The one that threw comes last, as the protocol has it. */
function framesOf({ stack = '', message }: Error) {
  const ways = stack.slice(Math.max(0, stack.indexOf(message)) + message.length);
  const lines = [...ways.matchAll(/^ {4}at (?:(.*?) \()?([^()\n]*?):(\d+):(\d+)\)?$/gm)].slice(0, MOST_FRAMES);
  return lines.reverse().map(([, called = '?', file = '', line, column]) => ({
    function: called,
    filename: file,
    lineno: Number(line),
    colno: Number(column),
    in_app: !/node:|node_modules/.test(file),
  }));
}

function envelope(event: Event): string {
  const header = { event_id: event.event_id, sent_at: new Date().toISOString() };
  return `${[header, { type: 'event' }, event].map((part) => JSON.stringify(part)).join('\n')}\n`;
}
