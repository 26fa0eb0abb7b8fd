import { existsSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { Config } from '../config.js';

/** What came of trying one thing that a setting points at. `detail` holds no secret. */
export interface Probe {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

const PATIENCE_MS = 5_000;

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Writes a file beside the store and removes it: the store itself may be held by a running server and is not opened. */
async function dataDirectory(config: Config): Promise<Probe> {
  const wanted = resolve(config.dataDir);
  let directory = wanted;
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory);
  const name = 'data directory';
  try {
    if (!(await stat(directory)).isDirectory()) return { name, ok: false, detail: `${directory} is not a directory` };
    const file = join(directory, `.signalbox-probe-${process.pid}`);
    await writeFile(file, 'probe\n');
    await rm(file);
    return { name, ok: true, detail: directory === wanted ? `${wanted} can be written` : `${wanted} can be made in ${directory}` };
  } catch (error) {
    return { name, ok: false, detail: `${wanted} cannot be written: ${message(error)}` };
  }
}

/** Connects and waits for the relay's greeting (220); says nothing to it and sends nothing. */
function greeting(url: URL): Promise<string> {
  const tls = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (tls ? 465 : 587) : Number(url.port);
  return new Promise((fulfil, reject) => {
    const socket = tls ? connectTls({ host, port, servername: host }) : connect({ host, port });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no greeting within ${PATIENCE_MS} ms`)));
    let heard = '';
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without a greeting')));
    socket.on('data', (part: string) => {
      heard += part;
      if (!heard.includes('\n') && heard.length < 1_000) return;
      if (heard.startsWith('220')) fulfil(`${host}:${port} answers`);
      else reject(new Error(`greets with "${heard.slice(0, 60).trim()}" instead of 220`));
      socket.destroy();
    });
  });
}

async function mailRelay(url: string): Promise<Probe> {
  try {
    return { name: 'mail relay', ok: true, detail: await greeting(new URL(url)) };
  } catch (error) {
    return { name: 'mail relay', ok: false, detail: message(error) };
  }
}

const SERVERS = [
  ['MongoDB', 27_017],
  ['RabbitMQ', 5_672],
  ['Redis', 6_379],
] as const;

/** The servers of a fleet: whether anybody listens there. Of one that is named by several hosts the first is tried. */
function servers({ servers: { mongodb, rabbitmq, redis } }: Config): Promise<Probe>[] {
  const urls = [mongodb?.uri, rabbitmq?.url, redis?.url];
  return SERVERS.flatMap(([name, usual], at) => {
    const [, host, port] = /^[^:]+:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/,?]+)(?::(\d+))?/.exec(urls[at] ?? '') ?? [];
    return host === undefined ? [] : [listener(name, host.replace(/^\[|\]$/g, ''), Number(port ?? usual))];
  });
}

function listener(name: string, host: string, port: number): Promise<Probe> {
  return new Promise((fulfil) => {
    const socket = connect({ host, port });
    const end = (ok: boolean, detail: string): void => {
      socket.destroy();
      fulfil({ name, ok, detail: `${host}:${port} ${detail}` });
    };
    socket.setTimeout(PATIENCE_MS, () => end(false, `gives no connection within ${PATIENCE_MS} ms`));
    socket.once('connect', () => end(true, 'answers'));
    socket.once('error', (error) => end(false, `does not answer: ${message(error)}`));
  });
}

/** null when the port could be had just now. */
function whyTaken(host: string, port: number): Promise<string | null> {
  return new Promise((fulfil) => {
    const server = createServer();
    server.once('error', (error) => fulfil(message(error)));
    server.listen({ host, port }, () => server.close(() => fulfil(null)));
  });
}

async function answersAsSignalbox(config: Config): Promise<boolean> {
  const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const host = everywhere[config.host] ?? (config.host.includes(':') ? `[${config.host}]` : config.host);
  try {
    const answer = await fetch(`http://${host}:${config.port}/livez`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/** A port that is taken is fine when the server that these settings describe is the one that has it. */
async function ports(config: Config): Promise<Probe[]> {
  const wanted = [{ name: 'API port', host: config.host, port: config.port }];
  if (config.sink) wanted.push({ name: 'sink port', host: '127.0.0.1', port: config.sinkSmtpPort });
  const taken = await Promise.all(wanted.map(async ({ host, port }) => (port === 0 ? null : whyTaken(host, port))));
  const running = taken.some((why) => why !== null) && config.port !== 0 && (await answersAsSignalbox(config));
  return wanted.map(({ name, host, port }, at) => {
    const why = taken[at] ?? null;
    if (why === null) return { name, ok: true, detail: port === 0 ? 'any free port' : `${host}:${port} is free` };
    return running ? { name, ok: true, detail: `${host}:${port} is taken; the server is running` } : { name, ok: false, detail: why };
  });
}

/** Tries everything that a configuration points at, without changing anything. */
export async function probe(config: Config): Promise<readonly Probe[]> {
  const relay = config.smtpUrl === null ? [] : [mailRelay(config.smtpUrl)];
  const [directory, found, ...others] = await Promise.all([dataDirectory(config), ports(config), ...relay, ...servers(config)]);
  return [directory, ...others, ...found];
}
