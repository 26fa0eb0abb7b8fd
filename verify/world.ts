import { spawn } from 'node:child_process';
import type { RunningServer } from '../tests/docs/server.js';
import type { ServerProcess } from '../tests/support/server-process.js';
import { Failure } from './check.js';
import { cut, type Evidence } from './evidence.js';
import type { Site } from './site.js';

/** An answer; `body` is the text parsed where it is JSON. */
export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: T;
}

/** How a command ended and what it said. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** On top of PATH and HOME. Nothing of whoever runs this leaks in. */
  readonly env?: Readonly<Record<string, string>>;
  readonly withinMs?: number;
}

export type JsonBody = Readonly<Record<string, unknown>>;
type Init = { readonly method?: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

/** What checks of one run share, and what a test puts in the place of. */
export interface Means {
  /** The project's directory. */
  readonly root: string;
  readonly command: (argv: readonly string[], options: RunOptions & { readonly cwd: string }) => Promise<Ran>;
  /** A server of a check's own, embedded. */
  readonly server: (settings: Readonly<Record<string, string>>) => Promise<ServerProcess>;
  /** A command line that starts a server, run as a shell runs it. */
  readonly start: (line: string, env: NodeJS.ProcessEnv) => Promise<RunningServer>;
  /** Multiplies every wait. */
  readonly patience: number;
  /** Whether drills are run, or only their last results looked at. */
  readonly withDrills: boolean;
  /** What is done once for several checks, by name. */
  readonly shared: Map<string, Promise<unknown>>;
}

const ANSWER_MS = 15_000;
const COMMAND_MS = 60_000;
const LOOK_EVERY_MS = 50;
const ARRIVE_MS = 15_000;

/** The site as one check sees it: everything that is sent through it is kept as evidence. */
export class World {
  readonly site: Site;
  readonly means: Means;
  readonly #evidence: Evidence;
  readonly #undo: (() => Promise<unknown>)[] = [];

  constructor(site: Site, means: Means, evidence: Evidence) {
    this.site = site;
    this.means = means;
    this.#evidence = evidence;
  }

  get root(): string {
    return this.means.root;
  }

  /** A path is of the front; a URL stands for itself. Rejects only where nobody answers. */
  async call<T = JsonBody>(where: string, { method = 'GET', body, headers = {} }: Init = {}): Promise<Answer<T>> {
    const url = where.startsWith('/') ? this.site.front + where : where;
    const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = { ...this.#credentials(url), ...type, ...headers };
    const asked = { method, url, headers: withoutSecrets(sent), ...content };
    try {
      const response = await fetch(url, {
        method,
        headers: sent,
        ...content,
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_MS * Math.max(this.means.patience, 0.1)),
      });
      const text = await response.text();
      this.#evidence.add({ sent: asked, status: response.status, headers: Object.fromEntries(response.headers), body: cut(text) });
      return { status: response.status, headers: response.headers, text, body: parsed(text) as T };
    } catch (error) {
      this.#evidence.add({ sent: asked, failed: String(error) });
      throw new Failure(`an answer of ${method} ${url}`, error instanceof Error ? whyOf(error) : String(error));
    }
  }

  /** As `call`; @throws Failure unless it is answered with this status */
  async expect<T = JsonBody>(status: number, where: string, init: Init = {}): Promise<Answer<T>> {
    const answer = await this.call<T>(where, init);
    if (answer.status === status) return answer;
    throw new Failure(`${init.method ?? 'GET'} ${where} to answer ${status}`, `${answer.status} ${cut(answer.text)}`);
  }

  /** Runs a command in the project's directory. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const ran = await this.means.command(argv, { withinMs: COMMAND_MS, ...options, cwd: this.root });
    this.#evidence.add({ command: argv.join(' '), code: ran.code, stdout: cut(ran.stdout), stderr: cut(ran.stderr) });
    return ran;
  }

  /** As `run`; @throws Failure unless it ends with 0 */
  async succeed(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const ran = await this.run(argv, options);
    if (ran.code === 0) return ran;
    throw new Failure(`${argv.join(' ')} to end with 0`, `${ran.code}: ${cut(ran.stderr || ran.stdout)}`);
  }

  /** A server of the check's own, embedded; it ends with the check. */
  async server(settings: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
    const server = await this.means.server(settings);
    this.#evidence.add({ started: 'a server of its own', settings, url: server.url });
    this.atEnd(() => server.stop());
    return server;
  }

  /** Looks until the look gives something. @throws Failure when it does not in time */
  async until<T>(expected: string, look: () => Promise<T | null | undefined | false>, withinMs = ARRIVE_MS): Promise<T> {
    const giveUpAt = performance.now() + withinMs * this.means.patience;
    for (;;) {
      const seen = await look();
      if (seen !== null && seen !== undefined && seen !== false) return seen;
      if (performance.now() > giveUpAt) throw new Failure(`${expected} within ${withinMs} ms`, 'nothing of it');
      await this.pause(LOOK_EVERY_MS);
    }
  }

  /** Lets time pass where the row is about time. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms * this.means.patience));
  }

  /** Done once in a run, whichever check asks first. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.means.shared.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = make();
    this.means.shared.set(name, made);
    return made;
  }

  /** Keeps something that is no exchange. */
  note(what: object): void {
    this.#evidence.add({ ...what });
  }

  /** Is done when the check is over, however it ends; the last first. */
  atEnd(undo: () => Promise<unknown>): void {
    this.#undo.unshift(undo);
  }

  async end(): Promise<void> {
    for (const undo of this.#undo.splice(0)) await undo().catch((error: unknown) => this.note({ notUndone: String(error) }));
  }

  #credentials(url: string): Readonly<Record<string, string>> {
    const { apis, workers, front, apiKey, metricsToken } = this.site;
    if (![front, ...apis, ...workers].some((origin) => url.startsWith(`${origin}/`))) return {};
    const token = new URL(url).pathname.startsWith('/metrics') ? metricsToken : apiKey;
    return token === null ? {} : { authorization: `Bearer ${token}` };
  }
}

/** Runs it and waits for its end; what takes too long is ended, with all that it has started. */
export function command(argv: readonly string[], options: RunOptions & { readonly cwd: string }): Promise<Ran> {
  const { env = {}, withinMs = COMMAND_MS, cwd } = options;
  const [program = '', ...args] = argv;
  const inherited = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (part: Buffer) => {
      stdout += part.toString('utf8');
    });
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString('utf8');
    });
    const end = (): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(end, withinMs);
    process.once('exit', end);
    const done = (code: number | null, why = ''): void => {
      clearTimeout(timer);
      process.off('exit', end);
      resolve({ code, stdout, stderr: stderr + why });
    };
    child.once('error', (error) => done(null, error.message));
    child.once('close', (code, signal) => done(code, signal === null ? '' : `ended by ${signal} after at most ${withinMs} ms`));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function withoutSecrets(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return 'authorization' in headers ? { ...headers, authorization: '(not shown)' } : headers;
}

/** fetch says only that it failed; the reason is below. */
function whyOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? `${error.message}: ${cause.message}` : error.message;
}
