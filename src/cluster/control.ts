import { randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ClusterError } from './options.js';
import type { ProcessStatus, Supervisor, Tell } from './supervisor.js';

/** What `control.json` says: where the supervisor listens, and the word that opens it. */
export interface ControlFile {
  readonly pid: number;
  readonly url: string;
  readonly token: string;
  /** Where the log of each process is. */
  readonly logs: string;
}

/** The answer to `GET /status`. */
export interface ClusterStatus {
  readonly pid: number;
  readonly startedAt: string;
  /** What is being done; null: nothing. */
  readonly busy: string | null;
  /** Where people see what the development sink received; null: there is none. */
  readonly sink: string | null;
  readonly processes: readonly ProcessStatus[];
}

/** One line of the answer to a `POST`: what goes on, then how it ended. */
export type Progress = { readonly line: string } | { readonly ok: true } | { readonly ok: false; readonly error: string };

interface ControlOptions {
  readonly supervisor: Supervisor;
  readonly directory: string;
  readonly logs: string;
  /** The same as a signal to end. */
  readonly onStop: (tell: Tell) => Promise<boolean>;
  readonly say: Tell;
}

/** The way in for `signalbox cluster`: HTTP on loopback, for whoever may read the control file. */
export interface Control {
  /** The file goes; answers under way are finished, if that takes no longer than a moment. */
  close(): Promise<void>;
}

const LONGEST_BODY = 4_096;
const LAST_ANSWERS_MS = 1_000;

/** @throws ClusterError when a cluster of this directory runs already */
export async function openControl(options: ControlOptions): Promise<Control> {
  const path = join(options.directory, 'control.json');
  await refuseSecond(path);
  const token = randomBytes(24).toString('hex');
  const startedAt = new Date().toISOString();
  const server = createServer((request, response) => {
    void handle(request, response, { ...options, token, startedAt }).catch((error: unknown) => {
      if (!response.headersSent) answer(response, 500, { error: error instanceof Error ? error.message : String(error) });
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  write(path, { pid: process.pid, url: `http://127.0.0.1:${port}`, token, logs: options.logs });
  return { close: () => close(server, path) };
}

function write(path: string, file: ControlFile): void {
  mkdirSync(join(path, '..'), { recursive: true });
  const beside = `${path}.${process.pid}.tmp`;
  writeFileSync(beside, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  chmodSync(beside, 0o600);
  renameSync(beside, path);
}

function close(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** A control file that nobody answers for was left behind by one that was killed. */
async function refuseSecond(path: string): Promise<void> {
  let file: ControlFile;
  try {
    file = JSON.parse(readFileSync(path, 'utf8')) as ControlFile;
    const response = await fetch(`${file.url}/status`, {
      headers: { authorization: `Bearer ${file.token}` },
      signal: AbortSignal.timeout(2_000),
    });
    if (!response.ok) return;
  } catch {
    return;
  }
  throw new ClusterError(`a cluster runs here already (process ${file.pid}): see signalbox cluster status, or give another --directory`);
}

interface Handling extends ControlOptions {
  readonly token: string;
  readonly startedAt: string;
}

async function handle(request: IncomingMessage, response: ServerResponse, on: Handling): Promise<void> {
  const { supervisor } = on;
  if (!allowed(request, on.token)) return answer(response, 401, { error: 'the token of the control file is needed' });
  const route = `${request.method ?? ''} ${request.url ?? ''}`;
  if (route === 'GET /status') {
    const { busy, sinkPage: sink } = supervisor;
    const status: ClusterStatus = { pid: process.pid, startedAt: on.startedAt, busy, sink, processes: supervisor.status() };
    return answer(response, 200, status);
  }
  const body = await bodyOf(request);
  const work = workOf(route, body, on);
  if (work === null) return answer(response, 404, { error: `there is no ${route}` });
  await stream(response, on.say, work);
}

/** What a request asks for; null where there is no such thing. */
function workOf(
  route: string,
  body: Readonly<Record<string, unknown>>,
  { supervisor, onStop }: Handling,
): ((tell: Tell) => Promise<void>) | null {
  switch (route) {
    case 'POST /scale': {
      const { kind = 'worker', count } = body;
      if ((kind !== 'worker' && kind !== 'api') || typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > 1_000)
        return null;
      return (tell) => supervisor.scale(kind, count, tell);
    }
    case 'POST /restart': {
      const { name } = body;
      return typeof name === 'string' ? (tell) => supervisor.restart(name, tell) : (tell) => supervisor.restartRolling(tell);
    }
    case 'POST /stop':
      return async (tell) => {
        if (!(await onStop(tell))) throw new ClusterError('some processes had to be killed');
      };
    default:
      return null;
  }
}

/** Tells whoever asked, and our own output, line by line what goes on. Who stops listening stops nothing. */
async function stream(response: ServerResponse, say: Tell, work: (tell: Tell) => Promise<void>): Promise<void> {
  response.on('error', () => undefined);
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  const send = (progress: Progress): void => void response.write(`${JSON.stringify(progress)}\n`);
  const tell = (line: string): void => {
    say(line);
    send({ line });
  };
  try {
    await work(tell);
    send({ ok: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(reason);
    send({ ok: false, error: reason });
  }
  await new Promise<void>((resolve) => response.end(resolve));
}

function allowed(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > LONGEST_BODY) throw new ClusterError('the body is too long');
  }
  const parsed: unknown = text === '' ? {} : JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
