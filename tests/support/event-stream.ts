import type { Json } from './app.js';

/** One server-sent event. */
export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Json;
}

/** An open stream of server-sent events, read as a browser reads it. */
export interface EventStream {
  readonly headers: Headers;
  /** Everything that came so far. */
  seen(): readonly StreamEvent[];
  /** As a browser would send it back: also from blocks that carried nothing else. */
  lastEventId(): string;
  /** Resolves with the first so many events as soon as they are there; rejects when the stream ends before. */
  events(many: number): Promise<readonly StreamEvent[]>;
  /** Resolves when the server ends it. */
  ended(): Promise<void>;
  close(): void;
}

/** Rejects when the answer is not a stream. */
export async function openStream(url: string, lastEventId?: string, more: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  const abort = new AbortController();
  const headers = { accept: 'text/event-stream', ...more, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) };
  const response = await fetch(url, { headers, signal: abort.signal });
  if (response.status !== 200 || response.body === null) {
    abort.abort();
    throw new Error(`no stream: ${response.status}`);
  }
  const seen: StreamEvent[] = [];
  const waiting = new Set<() => void>();
  let last = lastEventId ?? '';
  let over = false;
  const tell = (): void => {
    for (const look of [...waiting]) look();
  };
  const read = async (body: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = fieldsOf(block);
        last = fields.get('id') ?? last;
        const data = fields.get('data');
        if (data !== undefined) seen.push({ id: last, event: fields.get('event') ?? 'message', data: JSON.parse(data) as Json });
      }
      tell();
    }
  };
  const reading = read(response.body)
    .catch(() => undefined)
    .finally(() => {
      over = true;
      tell();
    });
  return {
    headers: response.headers,
    seen: () => seen,
    lastEventId: () => last,
    events: (many) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (seen.length < many && !over) return;
          waiting.delete(look);
          if (seen.length >= many) resolve(seen.slice(0, many));
          else reject(new Error(`the stream ended after ${seen.length} events`));
        };
        waiting.add(look);
        look();
      }),
    ended: () => reading,
    close: () => abort.abort(),
  };
}

function fieldsOf(block: string): ReadonlyMap<string, string> {
  const lines = block.split('\n').filter((line) => !line.startsWith(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]));
}
