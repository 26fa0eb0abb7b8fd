/** The client of both servers, in a process of its own so that its CPU does not count. */
import { Pool } from 'undici';
import { Inexact } from '../case.js';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { type Load, PATH } from './http.js';

const BODY = 'Your parcel has left the sorting centre and will be with you tomorrow between 9 and 12.';
const PAGE = 100;

function bodyOf(pass: string, seq: number): string {
  const notification = {
    userId: pass,
    channels: ['email'],
    to: { email: `user_${seq % 1000}@example.org` },
    category: 'orders',
    subject: 'Your parcel',
    body: BODY,
    data: { seq },
    idempotencyKey: `${pass}-${seq}`,
  };
  return JSON.stringify(notification);
}

/** Keeps `inFlight` requests under way, each on a connection of its own; gives back the wall time in milliseconds. */
async function send({ port, pass, items, inFlight }: Load): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: inFlight, pipelining: 1 });
  const ids = new Set<string>();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items) {
      const seq = next;
      next += 1;
      const headers = { 'content-type': 'application/json' };
      const { statusCode, body } = await pool.request({ method: 'POST', path: PATH, headers, body: bodyOf(pass, seq) });
      const text = await body.text();
      if (statusCode !== 202) throw new Inexact(`item ${seq} was answered ${statusCode}: ${text}`);
      ids.add((JSON.parse(text) as { notificationId: string }).notificationId);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const wallMs = performance.now() - startedAt;
  await pool.close();
  if (ids.size !== items) throw new Inexact(`${items} items were answered with ${ids.size} different ids`);
  return wallMs;
}

/** Reads back everything that the pass sent, through the list that any client would use. */
async function verify({ port, pass, items }: Load): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${port}`);
  const stored = new Exactly(items);
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = `?userId=${pass}&limit=${PAGE}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await pool.request({ method: 'GET', path: `${PATH}${query}` });
    const page = (await body.json()) as { data: { data: { seq: number } }[]; nextCursor: string | null };
    for (const notification of page.data) stored.tick(notification.data.seq);
    cursor = page.nextCursor;
  }
  await pool.close();
  stored.check(`${pass}, read back`);
}

serve({ send, verify });
