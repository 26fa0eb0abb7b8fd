import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, type Dispatcher } from 'undici';
import { eventually } from './app.js';
import { makeCertificate } from './certificate.js';
import { ensureInstalled } from './servers/install.js';
import { freePorts } from './servers/ports.js';

const COMMAND = 'nginx';
/** As nginx.conf has them. */
type Port = 80 | 443 | 8080 | 9113;
type Moves = readonly (readonly [from: string, to: string])[];

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly location: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The nginx of this machine with the nginx.conf that is shipped, but for ports and for where the API is. */
export interface Balancer {
  /** What it answers on the port that is called so in nginx.conf. */
  ask(port: Port, method: string, path: string, body?: string): Promise<Answer>;
  stop(): Promise<void>;
}

/** What the API behind it answers on the path that is called so. */
export const REFUSED = { path: '/api/refused', status: 429, headers: { 'retry-after': '7', 'x-own': 'yes' }, body: 'by the API' } as const;

/** Where it hangs up instead of answering, and where it says nothing at all. */
export const HANGS_UP = '/api/hangs-up';
export const SILENT = '/api/silent';
/** With somebody who says nothing. */
export const IMPATIENT: Moves = [['proxy_read_timeout 30s', 'proxy_read_timeout 100ms']];

/** As strict as can be with strangers: one request, and one more. */
export const STRICT: Moves = [
  ['rate=200r/s', 'rate=1r/m'],
  ['burst=400', 'burst=1'],
];

/**
 * In front of an API that answers everything but the paths above with 200 and the word `reached`, and says in `x-was-forwarded` for whom it
 * was asked.
 */
export async function startBalancer(changes: Moves = []): Promise<Balancer> {
  await ensureInstalled('nginx');
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-nginx-'));
  const api = createServer((incoming, answer) =>
    incoming.resume().on('end', () => {
      answer.setHeader('x-was-forwarded', incoming.headers['x-forwarded-for'] ?? 'nobody');
      if (incoming.url === REFUSED.path) answer.writeHead(REFUSED.status, REFUSED.headers).end(REFUSED.body);
      else if (incoming.url === HANGS_UP) incoming.socket.destroy();
      else if (incoming.url !== SILENT) answer.end('reached');
    }),
  );
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const [plain = 0, tls = 0, inner = 0, probe = 0, metrics = 0] = await freePorts(5);
  const ports: Readonly<Record<Port, number>> = { 80: plain, 443: tls, 8080: inner, 9113: metrics };
  const { port } = api.address() as { readonly port: number };
  await mkdir(join(directory, 'tls'));
  await makeCertificate(join(directory, 'tls'));
  await writeFile(join(directory, 'nginx.conf'), movedTo(await readFile('nginx.conf', 'utf8'), directory, ports, probe, port, changes));
  const nginx = spawn(COMMAND, ['-c', join(directory, 'nginx.conf'), '-g', 'daemon off;'], { env: withSbin(), stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => void nginx.once('close', () => resolve()));
  const agent = new Agent({ connect: { rejectUnauthorized: false } });
  const ask: Balancer['ask'] = async (to, method, path, sent) => {
    const origin = `${to === 443 ? 'https' : 'http'}://127.0.0.1:${ports[to]}`;
    // As it is written: a URL would have its dots and slashes put right before it is sent.
    const { statusCode, body, headers } = await agent.request({
      origin,
      path,
      method: method as Dispatcher.HttpMethod,
      ...(sent === undefined ? {} : { body: sent }),
    });
    return { status: statusCode, body: await body.text(), location: headers.location, headers };
  };
  const stop = async (): Promise<void> => {
    nginx.kill('SIGQUIT');
    await agent.close();
    await ended;
    api.close();
    api.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  };
  await eventually(() =>
    ask(80, 'GET', '/livez').then(
      () => true,
      () => false,
    ),
  ).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { ask, stop };
}

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
}

/** Each of these must be there, or what is tried would not be what is shipped. */
function movedTo(
  shipped: string,
  directory: string,
  ports: Readonly<Record<Port, number>>,
  probe: number,
  api: number,
  changes: Moves,
): string {
  const moves: Moves = [
    ['listen 80;', `listen 127.0.0.1:${ports[80]};`],
    ['listen 443 ssl;', `listen 127.0.0.1:${ports[443]} ssl;`],
    ['listen 8080;', `listen 127.0.0.1:${ports[8080]};`],
    ['listen 9113;', `listen 127.0.0.1:${ports[9113]};`],
    ['127.0.0.1:8081', `127.0.0.1:${probe}`],
    ['8080 "";', `${ports[8080]} "";`],
    ['^443/', `^${ports[443]}/`],
    ['443 $binary_remote_addr', `${ports[443]} $binary_remote_addr`],
    ['80 $binary_remote_addr', `${ports[80]} $binary_remote_addr`],
    ['http://api:3000', `http://127.0.0.1:${api}`],
    ['/tmp/nginx.pid', join(directory, 'nginx.pid')],
    ['worker_processes auto', 'worker_processes 1'],
    ['access_log /dev/stdout json', 'access_log off'],
    ...changes,
  ];
  let text = shipped;
  for (const [from, to] of moves) {
    if (!text.includes(from)) throw new Error(`nginx.conf has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}
