import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyHeaders } from '../../../src/config/client-key.js';
import { type Child, type Ended, startChild } from '../../support/child.js';

export type MemberRole = 'api' | 'worker';

/** One start of a process, and its end. Milliseconds since the epoch. */
export interface Life {
  readonly startedAt: number;
  /** From the spawn to the ready line. */
  readonly startMs: number;
  ended: Ended | null;
}

export interface MemberOptions {
  /** Also its WORKER_ID. */
  readonly name: string;
  readonly role: MemberRole;
  /** Holds `dist/` and gets the log. */
  readonly directory: string;
  /** Stays the same across restarts: a balancer knows it. */
  readonly port: number;
  /** Its whole environment besides name, role and port. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Where a metric stands, summed over its labels; or over those lines that hold `having`. */
export type Metrics = (name: string, having?: string) => number;

const LOOK_MS = 2000;
/** The gauges ask store and broker first. */
const SCRAPE_MS = 15_000;
const START_TRIES = 4;
const START_PAUSE_MS = 1000;
/** Many start at once, on a machine that has other things to do. */
const READY_WITHIN_MS = 120_000;

/** One process of the fleet by its name: it may be started, ended and frozen again and again. */
export class Member {
  readonly name: string;
  readonly role: MemberRole;
  readonly url: string;
  readonly lives: Life[] = [];
  readonly #options: MemberOptions;
  #child: Child | undefined;
  #frozen = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  get running(): boolean {
    return this.#child?.running === true;
  }

  get pid(): number | null {
    return this.running ? (this.#child?.pid ?? null) : null;
  }

  get logFile(): string {
    return join(this.#options.directory, `${this.name}.log`);
  }

  /**
   * Resolves when it says that it is ready. What ends before that is started again a few times, as any process manager would.
   * @param settings for this life only
   */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs already`);
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#startOnce(settings);
      } catch (error) {
        if (tries === START_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, START_PAUSE_MS));
      }
    }
  }

  async #startOnce(settings: Readonly<Record<string, string>>): Promise<void> {
    const { directory, role, port, name } = this.#options;
    const own = role === 'api' ? { ROLE: 'api', SERVER_PORT: String(port) } : { HEALTH_CHECK_PORT: String(port) };
    const env = { ...this.#options.settings, WORKER_ID: name, ...own, ...settings };
    const startedAt = Date.now();
    const program = role === 'api' ? 'dist/main.js' : 'dist/worker.js';
    const argv = ['--enable-source-maps', join(directory, program)];
    const readyWithinMs = READY_WITHIN_MS;
    const { child } = await startChild({ argv, cwd: directory, env, logFile: this.logFile, readyWithinMs }, (line) =>
      line.includes('"msg":"ready"') ? true : null,
    );
    const life: Life = { startedAt, startMs: Date.now() - startedAt, ended: null };
    this.lives.push(life);
    this.#child = child;
    this.#frozen = false;
    void child.ended.then((ended) => {
      life.ended = ended;
    });
  }

  /** Resolves when this life is over, whoever ends it. */
  async ended(): Promise<Ended> {
    if (this.#child === undefined) throw new Error(`${this.name} was never started`);
    return this.#child.ended;
  }

  /** SIGKILL, then waits. */
  async kill(): Promise<Ended | null> {
    this.#child?.signal('SIGKILL');
    return (await this.#child?.ended) ?? null;
  }

  /** SIGTERM, and SIGKILL if that is not heeded in time. */
  async stop(withinMs = 20_000): Promise<Ended | null> {
    this.resume();
    return (await this.#child?.stop(withinMs)) ?? null;
  }

  /** SIGSTOP: alive, and does nothing. */
  pause(): void {
    this.#frozen = true;
    this.#child?.signal('SIGSTOP');
  }

  /** Whether the kernel has it stopped, whoever did that: then `resume` lets it go on. */
  get stopped(): boolean {
    if (this.pid === null) return false;
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const stopped = stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    this.#frozen ||= stopped;
    return stopped;
  }

  /** SIGCONT: goes on where it was, as if no time had passed. */
  resume(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.#child?.signal('SIGCONT');
  }

  /** Null where it does not answer as it should. */
  async get<T>(path: string, withinMs = LOOK_MS): Promise<T | null> {
    try {
      const response = await fetch(this.url + path, { headers: keyHeaders(), signal: AbortSignal.timeout(withinMs) });
      return response.ok ? ((await response.json()) as T) : null;
    } catch {
      return null;
    }
  }

  /** Null where it does not answer. */
  async metrics(): Promise<Metrics | null> {
    try {
      const response = await fetch(`${this.url}/metrics`, { headers: { accept: 'text/plain' }, signal: AbortSignal.timeout(SCRAPE_MS) });
      return metricsIn(await response.text());
    } catch {
      return null;
    }
  }
}

/** Reads Prometheus' text format. */
export function metricsIn(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return (name, having = '') =>
    lines
      .filter((line) => /^[^{\s]+/.exec(line)?.[0] === name && line.includes(having))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
