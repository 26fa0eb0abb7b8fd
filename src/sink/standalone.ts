import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { startSmtpSink } from './receive-email.js';
import { messageReceiver } from './receive-message.js';
import { webhookReceiver } from './receive-webhook.js';
import { sinkRouter } from './routes.js';
import { createSink, type Sink, type SinkOptions } from './sink.js';

export interface StandaloneSinkOptions extends SinkOptions {
  /** 0: any free one. */
  readonly httpPort: number;
  /** 0: any free one. */
  readonly smtpPort: number;
  /** Where it listens. Default: 127.0.0.1. */
  readonly host?: string;
}

export interface StandaloneSink {
  readonly sink: Sink;
  /** E.g. `http://127.0.0.1:41234`; the sink is under `/sink`. */
  readonly httpUrl: string;
  readonly smtpPort: number;
  stop(): Promise<void>;
}

const WEBHOOK_PATH = '/sink/webhook';

/** The sink with listeners of its own, on loopback unless told otherwise: for drills and load tests, where it must outlive the server. */
export async function startStandaloneSink(options: StandaloneSinkOptions): Promise<StandaloneSink> {
  const sink = createSink(options);
  const { host = '127.0.0.1' } = options;
  const smtp = await startSmtpSink(sink, { port: options.smtpPort, host });
  const server = createServer(handlerFor(sink));
  // Longer than clients keep idle connections, so that it is they who end them and no request meets a closing socket.
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.httpPort, host, resolve);
  });
  return {
    sink,
    httpUrl: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${(server.address() as AddressInfo).port}`,
    smtpPort: smtp.port,
    async stop() {
      await Promise.all([smtp.stop(), stopServer(server)]);
      sink.close();
    },
  };
}

/** What is delivered goes past express: at 500 a second it would cost three times what receiving does. */
function handlerFor(sink: Sink): (request: IncomingMessage, response: ServerResponse) => void {
  const app = express();
  app.disable('x-powered-by');
  app.use('/sink', sinkRouter(sink));
  const receive = webhookReceiver(sink);
  const messages = new Map([
    ['/sink/sms', messageReceiver(sink, 'sms')],
    ['/sink/push', messageReceiver(sink, 'push')],
  ]);
  return (request, response) => {
    const { method, url = '' } = request;
    if (method !== 'POST') return app(request, response);
    const name = webhookName(url);
    const received = name === null ? messages.get(url)?.(request, response) : receive(request, response, name);
    if (received === undefined) app(request, response);
    else received.catch(() => request.socket.destroy());
  };
}

/** The name in `/sink/webhook/:name`; null for any other path. */
function webhookName(url: string): string | null {
  if (!url.startsWith(WEBHOOK_PATH)) return null;
  const [path = ''] = url.slice(WEBHOOK_PATH.length).split('?');
  if (path === '' || path === '/') return 'webhook';
  const name = path.slice(1);
  if (!path.startsWith('/') || name.includes('/')) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

function stopServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
