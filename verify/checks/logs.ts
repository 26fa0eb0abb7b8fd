import { type Check, hold, same } from '../check.js';
import { accept, delivery, fresh, reaches, Sink } from '../notify.js';
import type { World } from '../world.js';
import { deadLetter } from './desk.js';

const LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);

interface Line {
  readonly level?: unknown;
  readonly time?: unknown;
  readonly msg?: unknown;
  readonly service?: unknown;
  readonly worker?: unknown;
}

/** Every line that any process wrote is one JSON object with level, time, message, service and process. */
async function structured(world: World): Promise<string> {
  await reaches(world, await accept(world), 'delivered');
  const lines = await world.site.logs();
  hold(lines.length > 0, 'log lines', 'none');
  world.note({ lines: lines.length, first: lines[0], last: lines.at(-1) });
  for (const line of lines) {
    const { level, time, msg, service, worker } = parsed(line);
    hold(typeof level === 'string' && LEVELS.has(level), 'a line with a level', line);
    hold(typeof time === 'string' && !Number.isNaN(Date.parse(time)), 'a line with an ISO 8601 time', line);
    hold(
      typeof msg === 'string' && typeof worker === 'string' && service === 'signalbox',
      'a line with message, service and process',
      line,
    );
  }
  return `${lines.length} lines, each a JSON object with level, time, message and process`;
}

function parsed(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    hold(false, 'every log line to be JSON', line);
    return {};
  }
}

/** One id from the request's header to the attempt, the provider's call, the log and the dead letter. */
async function correlated(world: World) {
  const requestId = fresh('request');
  const headers = { 'x-request-id': requestId };
  const sink = world.site.sink === null ? null : Sink.of(world);
  const id = await accept(world, sink === null ? {} : sink.to(fresh('traced')), '', headers);
  const told = await reaches(world, id, 'delivered');
  same(told.requestId, requestId, 'the request id of the notification');
  const answer = await world.call('/api/v1/notifications', { headers });
  same(answer.headers.get('x-request-id'), requestId, 'the header of an answer');
  if (sink !== null) {
    const [effect] = await sink.effects(delivery(told).operationId);
    same(effect?.requestId, requestId, 'the request id that the provider was sent');
  }
  await world.until('a log line of the delivery with the request id', async () =>
    (await world.site.logs()).some((line) => line.includes(`"requestId":"${requestId}"`) && line.includes(id)),
  );
  const letter = (await deadLetter(world)) as unknown as { readonly requestId?: unknown };
  hold(typeof letter.requestId === 'string' && letter.requestId !== '', 'a dead letter to bear its request id', letter);
  const seen = 'one id in the answer, the notification, the log line and the dead letter';
  return sink === null
    ? { seen, open: 'the provider’s call: nothing stands in for a provider here' }
    : `${seen}, and in the provider’s call`;
}

/** What must never be in a log: a canary for each place where people put personal data. */
async function redacted(world: World): Promise<string> {
  const canary = (what: string): string => `canary${what}${fresh('x').replaceAll('-', '')}`;
  const [subject, body, data, mail, phone] = [
    canary('subject'),
    canary('body'),
    canary('data'),
    canary('mail'),
    `+35191${Date.now() % 10_000_000}`,
  ];
  const to = { email: `${mail}@example.org` };
  const channels = world.site.sink === null ? ['in-app'] : ['in-app', 'email'];
  const userId = fresh('private');
  await world.expect(200, `/api/v1/users/${userId}/preferences`, {
    method: 'PUT',
    body: { contacts: { ...to, phone: `+35191${String(Date.now()).slice(-7)}` } },
  });
  const id = await accept(world, { userId, channels, to, subject, body, data: { note: data } });
  await reaches(world, id, 'delivered');
  // One that fails says why, and one that is refused names the field: both must do so without the content.
  await deadLetter(world);
  await world.expect(400, '/api/v1/notifications', {
    method: 'POST',
    body: { userId, channels: ['email'], to: { email: `${mail} at example` }, body },
  });
  const lines = await world.until('the delivery in the log', async () => {
    const now = await world.site.logs();
    return now.some((line) => line.includes(id)) ? now : null;
  });
  world.note({ lines: lines.length, canaries: { subject, body, data, mail } });
  for (const secret of [subject, body, data, mail, phone]) {
    same(
      lines.filter((line) => line.includes(secret)),
      [],
      `log lines that hold ${secret}`,
    );
  }
  return `subject, body, data, e-mail address and phone number are in none of ${lines.length} log lines`;
}

/** What processes write down. */
export const LOGS: readonly Check[] = [
  { id: 'LOG-01', run: structured },
  { id: 'LOG-02', run: correlated },
  { id: 'LOG-03', run: redacted },
];
