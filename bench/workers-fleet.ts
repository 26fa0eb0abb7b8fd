import { join } from 'node:path';
import { Pool } from 'undici';
import { type Child, startChild } from '../tests/support/child.js';
import { Inexact } from './case.js';

/** Where the processes of one pass meet. */
export interface Meeting {
  /** Holds `dist/`. */
  readonly directory: string;
  readonly mongodbUri: string;
  readonly rabbitmqUrl: string;
  /** Names the queues. */
  readonly group: string;
  readonly receiverPort: number;
}

const IN_FLIGHT = 32;
/** For the wake-ups of what was accepted to be all in the queue. */
const PUBLISHED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;
const TRIES = 5;
const AGAIN_AFTER_MS = 1000;

function environment({ mongodbUri, rabbitmqUrl, group, receiverPort }: Meeting): Readonly<Record<string, string>> {
  return {
    NODE_ENV: 'development',
    MONGODB_URI: mongodbUri,
    RABBITMQ_URL: rabbitmqUrl,
    RABBITMQ_CONSUMER_GROUP: group,
    // The backlog is made as fast as the store takes it, and nobody is in a hurry.
    STORE_ANSWER_MS: '30000',
    SINK: 'off',
    // Nobody sends mail here; without a sink it must be said where it would go.
    SMTP_URL: 'smtp://127.0.0.1:9',
    WEBHOOK_ALLOW: `127.0.0.1:${receiverPort}`,
  };
}

/** The address in the line that says "ready". */
function ready(line: string): { readonly url?: string } | null {
  return line.includes('"msg":"ready"') ? (JSON.parse(line) as { readonly url?: string }) : null;
}

async function run(script: string, meeting: Meeting, env: Readonly<Record<string, string>>) {
  const argv = ['--enable-source-maps', join(meeting.directory, 'dist', script)];
  return startChild({ argv, cwd: meeting.directory, env: { ...environment(meeting), ...env } }, ready);
}

/** An API that delivers nothing itself, with which the backlog is made. */
export async function startApi(meeting: Meeting): Promise<{ readonly child: Child; readonly url: string }> {
  const { child, said } = await run('main.js', meeting, { ROLE: 'api,scheduler,janitor', SERVER_PORT: '0', WORKER_ID: 'api' });
  if (said.url === undefined) throw new Error('the API did not say where it listens');
  return { child, url: said.url.replace('localhost', '127.0.0.1') };
}

/** A worker, at work from the moment this resolves. */
export async function startWorker(meeting: Meeting, n: number, prefetch: number): Promise<Child> {
  const env = { ROLE: 'worker', HEALTH_CHECK_ENABLED: 'false', PREFETCH_COUNT: String(prefetch), WORKER_ID: `worker-${n}` };
  return (await run('worker.js', meeting, env)).child;
}

/** Offers the items to the API; resolves when all are accepted and their wake-ups wait in the queue. */
export async function makeBacklog(url: string, receiverPort: number, items: number): Promise<void> {
  const pool = new Pool(url, { connections: IN_FLIGHT, pipelining: 1 });
  try {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < items) {
        const seq = next;
        next += 1;
        await post(pool, receiverPort, seq);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    const giveUpAt = performance.now() + PUBLISHED_WITHIN_MS;
    for (let waiting = 0; waiting < items; ) {
      waiting = await depth(pool);
      if (performance.now() > giveUpAt) throw new Inexact(`of ${items} wake-ups ${waiting} came into the queue`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } finally {
    await pool.destroy();
  }
}

async function post(pool: Pool, receiverPort: number, seq: number): Promise<void> {
  const body = JSON.stringify({
    userId: `user_${seq % 1000}`,
    channels: ['webhook'],
    to: { webhook: `http://127.0.0.1:${receiverPort}/hook/${seq}` },
    category: 'bench',
    subject: 'Your parcel',
    body: 'Your parcel has left the sorting centre and will be with you tomorrow between 9 and 12.',
  });
  const headers = { 'content-type': 'application/json', 'idempotency-key': `bench-${seq}` };
  let status = 0;
  for (let n = 0; n < TRIES && status !== 202 && status !== 200; n += 1) {
    const answer = await pool.request({ method: 'POST', path: '/api/v1/notifications', headers, body });
    await answer.body.dump();
    status = answer.statusCode;
    // The store was too busy; the same key makes it safe to ask again.
    if (status === 503) await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
  if (status !== 202 && status !== 200) throw new Inexact(`item ${seq} was answered ${status}`);
}

async function depth(pool: Pool): Promise<number> {
  const { body } = await pool.request({ method: 'GET', path: '/resources' });
  return ((await body.json()) as { readonly queue: { readonly depth: number | null } }).queue.depth ?? 0;
}

/** Records that are not at rest. */
export async function openRecords(url: string): Promise<number | null> {
  const response = await fetch(`${url}/resources`);
  return ((await response.json()) as { readonly queue: { readonly open: number | null } }).queue.open;
}
