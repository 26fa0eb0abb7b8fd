import { randomUUID } from 'node:crypto';
import type { Redis as Client } from 'ioredis';
import { RECEIPT_STATES } from '../../ports/messages.js';
import type { News, NewsItem, ReceiptNews } from '../../ports/news.js';

const CHANNEL = 'signalbox:news';
/** Longer ones are nobody's of ours. */
const LONGEST = 4096;

/** News by publish and subscribe: one channel, each message with the id of whoever sent it. */
export function createNews(commands: Client, subscriber: Client): News {
  const origin = randomUUID();
  const listeners: ((item: NewsItem) => void)[] = [];
  subscriber.on('message', (channel: string, text: string) => {
    const item = channel === CHANNEL ? readNews(text, origin) : null;
    if (item !== null) for (const listener of listeners) listener(item);
  });
  subscriber.on('ready', () => {
    subscriber.subscribe(CHANNEL).catch(() => {
      if (subscriber.status === 'ready') subscriber.disconnect(true);
    });
  });
  return {
    tell(item) {
      if (commands.status !== 'ready') return;
      commands.publish(CHANNEL, JSON.stringify({ from: origin, item })).catch(() => undefined);
    },
    hear(listener) {
      listeners.push(listener);
    },
  };
}

/** Null for one's own, and for what is no news. */
export function readNews(text: string, origin: string): NewsItem | null {
  if (text.length > LONGEST) return null;
  try {
    const message: unknown = JSON.parse(text);
    if (!isObject(message) || message['from'] === origin) return null;
    return isObject(message['item']) ? itemOf(message['item']) : null;
  } catch {
    return null;
  }
}

function itemOf(item: Record<string, unknown>): NewsItem | null {
  const { kind, name, state, openMs, tenant, userId, conversationId } = item;
  if (kind === 'receipt') return receiptOf(item);
  if (kind === 'inbox' && typeof tenant === 'string' && typeof userId === 'string') return { kind, tenant, userId };
  if (kind === 'conversation' && typeof tenant === 'string' && typeof conversationId === 'string') return { kind, tenant, conversationId };
  const sound = typeof name === 'string' && typeof openMs === 'number' && openMs >= 0;
  return kind === 'breaker' && sound && (state === 'open' || state === 'closed') ? { kind, name, state, openMs } : null;
}

function receiptOf({ tenant, conversationId, messageId, userId, state: said, at }: Record<string, unknown>): NewsItem | null {
  const state = RECEIPT_STATES.find((one) => one === said);
  const texts = [tenant, conversationId, messageId, userId];
  if (state === undefined || !texts.every((text) => typeof text === 'string') || !Number.isSafeInteger(at)) return null;
  return { kind: 'receipt', tenant, conversationId, messageId, userId, state, at } as { readonly kind: 'receipt' } & ReceiptNews;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
