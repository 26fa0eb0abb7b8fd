/** Contestant "bare Express": reads the same JSON body and answers the same bytes, and keeps nothing. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import express from 'express';
import { serve } from '../child.js';
import { meter, type Spent } from '../meter.js';
import { PATH, SETTLE_MS } from './http.js';

const app = express();
app.disable('etag');
app.disable('x-powered-by');
app.use(express.json());
app.post(PATH, (_request, response) => {
  response.status(202).json({ notificationId: randomUUID(), status: 'queued', acceptedAt: new Date().toISOString(), idempotentHit: false });
});

const server = createServer(app);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

let spent: () => Spent = meter();

serve({
  port: () => (server.address() as AddressInfo).port,
  begin() {
    spent = meter();
  },
  async end(): Promise<{ spent: Spent }> {
    await setTimeout(SETTLE_MS);
    return { spent: spent() };
  },
});
