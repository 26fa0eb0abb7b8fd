import type { Request, Response } from 'express';
import { SignalboxError } from '../errors.js';

/** How soon a client that lost its stream should come back, milliseconds. */
const RECONNECT_MS = 2000;

/** Who keeps streams open. */
interface OpenStreams<Key, Place, Item> {
  admit(key: Key): void;
  open(key: Key, place: Place, target: Response, view: (item: Item) => object): void;
}

/**
 * Answers as a stream that begins behind `from`. A client that names none is told at once where it begins, so that it has a place to
 * resume from before the first event.
 */
export function beginStream<Key, Place extends string | number, Item>(
  streams: OpenStreams<Key, Place, Item>,
  key: Key,
  from: Place,
  view: (item: Item) => object,
  response: Response,
  method: Request['method'],
): void {
  // While the store answered, others may have come, the client may have left, or the drain begun.
  if (response.destroyed) return;
  streams.admit(key);
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    // nginx would otherwise hold the events back until its buffer is full.
    'X-Accel-Buffering': 'no',
  });
  // A stream without a body would never begin: whoever asks for its header alone has it now, and takes nobody's place.
  if (method === 'HEAD') {
    response.end();
    return;
  }
  response.write(`retry: ${RECONNECT_MS}\nid: ${from}\n\n`);
  streams.open(key, from, response, view);
}

/** The id of the last event that a client has seen: as the header says, else the query; null where neither does. */
export function lastEventOf(request: Request, query: string | undefined, isOne: (text: string) => boolean): string | null {
  const header = request.get('Last-Event-ID')?.trim();
  const fromHeader = header !== undefined && header !== '';
  const text = fromHeader ? header : (query ?? '');
  if (text === '') return null;
  if (isOne(text)) return text;
  const pointer = fromHeader ? 'header: Last-Event-ID' : '?lastEventId';
  const detail = 'must be the id of an event of this stream';
  throw new SignalboxError('invalid-request', `${pointer} ${detail}`, { fields: [{ pointer, detail }] });
}
