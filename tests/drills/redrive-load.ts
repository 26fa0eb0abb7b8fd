import type { Answer } from '../../tools/ledger/entry.js';
import type { Seeded } from '../support/seeded.js';
import type { Poster } from './poster.js';
import type { Fate } from './redrive-judge.js';

/** Shares of those whose receiver goes on failing, and of those of which nobody knows what became of them. */
const FAILING = 0.05;
const UNCERTAIN = 0.05;
/** The sink keeps a thousand scripts. */
const SCRIPTED_AT_MOST = 400;
/** Posts under way at a time. */
const POSTING = 32;
/** Of one call that is not answered. */
const TRIES = 20;

export interface LoadOptions {
  readonly items: number;
  readonly random: Seeded;
  readonly poster: Poster;
  readonly sinkUrl: string;
  /** Distinguishes the keys of this run. */
  readonly run: string;
}

/** What was accepted, and what is to become of it. */
export interface Offered {
  readonly answers: readonly Answer[];
  fateOf(recipient: string): Fate;
  count(fate: Fate): number;
  /** The receivers take what comes, but for those that go on failing. */
  heal(): Promise<void>;
}

/**
 * Posts as many notifications, each to a webhook of its own. Most are refused; some are taken but never answered, so that
 * nobody knows; some are refused now and later.
 */
export async function offer({ items, random, poster, sinkUrl, run }: LoadOptions): Promise<Offered> {
  const names = Array.from({ length: items }, (_, n) => `n${n}`);
  const scripted = (share: number): number => Math.min(SCRIPTED_AT_MOST, Math.max(1, Math.round(share * items)));
  const shuffled = random.shuffled(names);
  const failing = new Set(shuffled.slice(0, scripted(FAILING)));
  const uncertain = new Set(shuffled.slice(failing.size, failing.size + scripted(UNCERTAIN)));
  const fateOfName = (name: string): Fate => (failing.has(name) ? 'failing' : uncertain.has(name) ? 'uncertain' : 'refused');
  const recipientOf = (name: string): string => `${sinkUrl}/sink/webhook/${name}`;
  const refuse = { do: 'status', status: 400 };

  await behave(sinkUrl, { channel: 'webhook', then: refuse });
  for (const name of failing) await behave(sinkUrl, { channel: 'webhook', name, then: refuse });
  for (const name of uncertain) await behave(sinkUrl, { channel: 'webhook', name, then: { do: 'drop-reply' } });

  const answers: Answer[] = [];
  const left = names.values();
  const post = async (): Promise<void> => {
    for (const name of left) answers.push(await accept(poster, `${run}-${name}`, recipientOf(name)));
  };
  await Promise.all(Array.from({ length: POSTING }, post));
  return {
    answers,
    fateOf: (recipient) => fateOfName(new URL(recipient).pathname.split('/').at(-1) ?? ''),
    count: (fate) => names.filter((name) => fateOfName(name) === fate).length,
    async heal() {
      await forget(sinkUrl, '?channel=webhook');
      for (const name of uncertain) await forget(sinkUrl, `?channel=webhook&name=${name}`);
    },
  };
}

async function accept(poster: Poster, key: string, webhook: string): Promise<Answer> {
  const body = { userId: 'drill', channels: ['webhook'], to: { webhook }, category: 'drill', body: 'One of many dead letters.' };
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const { status, text } = await repeat(poster, '/api/v1/notifications', headers, JSON.stringify(body));
  const recordId = (JSON.parse(text) as { readonly notificationId: string }).notificationId;
  return { tenant: 'default', key, status, recordId, at: Date.now(), expected: [{ channel: 'webhook', recipient: webhook }] };
}

/** Under the same key until it is answered: a busy machine may take longer than a client waits. */
export async function repeat(
  poster: Poster,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  for (let tries = 1; ; tries += 1) {
    const { status, body: text } = await poster.post(path, headers, body);
    if (status >= 200 && status < 300) return { status, text };
    if (tries === TRIES || (status !== 0 && status !== 429 && status < 500)) throw new Error(`POST ${path}: ${status} ${text}`);
  }
}

async function behave(sinkUrl: string, behaviour: unknown): Promise<void> {
  const init = { method: 'PUT', body: JSON.stringify(behaviour), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${sinkUrl}/sink/behaviour`, init);
  if (!response.ok) throw new Error(`the sink refused a behaviour: ${response.status}`);
}

async function forget(sinkUrl: string, query: string): Promise<void> {
  const response = await fetch(`${sinkUrl}/sink/behaviour${query}`, { method: 'DELETE' });
  if (!response.ok) throw new Error(`the sink kept a behaviour: ${response.status}`);
}
