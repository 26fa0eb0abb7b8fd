import { type ChildProcess, spawn } from 'node:child_process';
import { type Backoff, delayAfter } from './backoff.js';
import { asLogLines, type LogFile, WholeLines } from './logs.js';

export type ProcessState =
  /** Runs, and has not said that it is ready. */
  | 'starting'
  | 'ready'
  /** Asked to end. */
  | 'stopping'
  | 'stopped'
  /** Died; is started again in a moment. */
  | 'waiting'
  /** Ended with exit code 2: a setting is wrong, and another start would not mend it. */
  | 'refused';

/** One process to be kept alive. */
export interface ProcessSpec {
  readonly name: string;
  readonly kind: 'api' | 'worker' | 'sink';
  /** Where it answers; null where it does not. */
  readonly port: number | null;
  /** What comes after `node`, for a start at this moment. */
  readonly argv: () => readonly string[];
  /** Its whole environment, for a start at this moment. */
  readonly env: (restarts: number) => NodeJS.ProcessEnv;
  /** Whether it is ready, asked again and again. `said`: the first line it wrote, or null. Must not reject. */
  readonly isReady: (said: string | null) => Promise<boolean>;
}

export interface Surround {
  readonly backoff: Backoff;
  /** How often it is asked whether it is ready. */
  readonly askEveryMs: number;
  /** From the polite signal to the one that nobody refuses. */
  readonly graceMs: number;
  readonly logFile: (name: string) => LogFile;
  readonly console: (text: Buffer) => void;
  /** A line for a person. */
  readonly say: (line: string) => void;
}

/** How an asked-for end came about. */
export type HowEnded = 'in order' | 'killed' | 'not running';

const LINES_KEPT = 20;

/** Starts a process, starts it again when it dies, and ends it in order. */
export class Supervised {
  readonly spec: ProcessSpec;
  readonly #around: Surround;
  readonly #log: LogFile;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #state: ProcessState = 'stopped';
  #startedAt = 0;
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<HowEnded> | undefined;
  #said: string | null = null;
  #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  restarts = 0;
  lastExit: string | null = null;

  constructor(spec: ProcessSpec, around: Surround) {
    this.spec = spec;
    this.#around = around;
    this.#log = around.logFile(spec.name);
  }

  get state(): ProcessState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Milliseconds since the epoch; 0: never. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** The first line it wrote in this life. */
  get said(): string | null {
    return this.#said;
  }

  /** The last things it said beside its log. */
  get complaint(): string {
    return this.#lines.join('\n');
  }

  start(): void {
    if (this.#child !== undefined) return;
    clearTimeout(this.#timer);
    const { spec } = this;
    // A group of its own: Ctrl-C in a terminal is for us, and we end our processes in order. A channel: should we vanish,
    // it closes, and the process ends by itself.
    const child = spawn(process.execPath, [...spec.argv()], {
      env: spec.env(this.restarts),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    this.#startedAt = Date.now();
    this.#said = null;
    this.#lines = [];
    this.#listen(child);
    child.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (this.#child !== child) return;
        this.#onEnd(code, signal);
        resolve();
      };
      child.once('close', end);
      // It could not even be started.
      child.once('error', () => child.pid === undefined && end(null, null));
    });
    this.#become('starting');
    void this.#watchReady(child);
  }

  /** Resolves once it has ended. Asked again meanwhile, it is the same end. */
  stop(): Promise<HowEnded> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #stop(): Promise<HowEnded> {
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) {
      this.#become('stopped');
      return 'not running';
    }
    this.#become('stopping');
    child.kill('SIGTERM');
    let killed = false;
    const kill = setTimeout(() => {
      killed = true;
      this.#around.say(`${this.spec.name} has not ended within ${this.#around.graceMs} ms: killed`);
      child.kill('SIGKILL');
    }, this.#around.graceMs);
    await this.#ended;
    clearTimeout(kill);
    this.#become('stopped');
    return killed ? 'killed' : 'in order';
  }

  /** At once, whatever it is doing. */
  kill(): void {
    clearTimeout(this.#timer);
    if (this.#child !== undefined) this.#become('stopping');
    this.#child?.kill('SIGKILL');
  }

  /** Resolves with true once it is ready; with false when it will not be: stopped, refused, or not within so long. */
  async untilReady(withinMs: number): Promise<boolean> {
    const giveUpAt = Date.now() + withinMs;
    while (this.#state === 'starting' || this.#state === 'waiting') {
      const left = giveUpAt - Date.now();
      if (left <= 0) return false;
      await this.#change(left);
    }
    return this.#state === 'ready';
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(over);
        resolve();
      };
      const timer = setTimeout(over, withinMs);
      this.#waiting.add(over);
    });
  }

  #become(state: ProcessState): void {
    this.#state = state;
    for (const tell of [...this.#waiting]) tell();
  }

  async #watchReady(child: ChildProcess): Promise<void> {
    while (this.#child === child && this.#state === 'starting') {
      const ready = await this.spec.isReady(this.#said);
      if (this.#child !== child || this.#state !== 'starting') return;
      if (ready) return this.#become('ready');
      await new Promise((resolve) => setTimeout(resolve, this.#around.askEveryMs));
    }
  }

  #onEnd(code: number | null, signal: NodeJS.Signals | null): void {
    const { name } = this.spec;
    this.#child = undefined;
    this.lastExit = signal ?? `exit code ${code ?? 'unknown'}`;
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    if (code === 2) {
      this.#become('refused');
      this.#around.say(`${name} has refused its settings and is not started again${this.complaint === '' ? '' : `: ${this.complaint}`}`);
      return;
    }
    this.restarts += 1;
    this.#delayMs = delayAfter(this.#delayMs, Date.now() - this.#startedAt, this.#around.backoff);
    this.#become('waiting');
    this.#around.say(`${name} died (${this.lastExit}); started again in ${this.#delayMs / 1000} s`);
    this.#timer = setTimeout(() => this.start(), this.#delayMs);
  }

  #listen(child: ChildProcess): void {
    const { name } = this.spec;
    const out = new WholeLines();
    const keep = (text: Buffer): void => {
      if (text.length === 0) return;
      this.#said ??= text.toString('utf8').split('\n', 1)[0] ?? '';
      this.#log.write(text);
      this.#around.console(text);
    };
    child.stdout?.on('data', (chunk: Buffer) => keep(out.feed(chunk)));
    child.stdout?.on('end', () => keep(out.last()));
    const beside = new WholeLines();
    const complain = (text: Buffer): void => {
      if (text.length === 0) return;
      this.#lines = [...this.#lines, ...text.toString('utf8').trimEnd().split('\n')].slice(-LINES_KEPT);
      const lines = asLogLines(name, text, new Date());
      this.#log.write(lines);
      this.#around.console(lines);
    };
    child.stderr?.on('data', (chunk: Buffer) => complain(beside.feed(chunk)));
    child.stderr?.on('end', () => complain(beside.last()));
  }
}
