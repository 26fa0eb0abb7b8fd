import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Signals, startRawServer } from './fixtures.js';

export interface Delivered {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver over HTTP that keeps what it gets and answers with `answer`. */
export async function startReceiver(answer: RequestListener) {
  const delivered: Delivered[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.once('end', () => {
      delivered.push({ url: request.url ?? '', headers: request.headers, body });
      answer(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { stop, delivered, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A receiver that speaks raw bytes once a request is there. `signals`: `request`, `closed`. */
export async function startRawReceiver(answer: string | Buffer | null, thenCut = false) {
  const signals = new Signals();
  const server = await startRawServer((socket) => {
    socket.once('data', () => {
      signals.raise('request');
      if (answer !== null) socket.write(answer);
      if (thenCut) socket.end();
    });
    socket.once('close', () => signals.raise('closed'));
  });
  return { stop: () => server.stop(), signals, server, url: `http://127.0.0.1:${server.port}/hook` };
}
