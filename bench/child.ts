import { type ChildProcess, fork } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A contestant's own process. Each measures its own CPU, so that neither the runner's nor a client's counts, and
 * neither lives in a heap that the other has filled.
 */
export interface Child {
  /** Calls one of the functions that the process {@link serve}s. */
  ask<Answer>(method: string, params?: unknown): Promise<Answer>;
  /** Lets it end; twice is fine. */
  end(): Promise<void>;
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

type Reply = { readonly id: number; readonly answer: unknown } | { readonly id: number; readonly failure: string };

/** @param module what the process runs: a TypeScript module that {@link serve}s */
export function start(module: URL, options: { readonly profileDir: string | null; readonly env?: NodeJS.ProcessEnv }): Child {
  const profile = options.profileDir === null ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profileDir, '--cpu-prof-interval', '500'];
  const path = fileURLToPath(module);
  const child = fork(path, [], {
    execArgv: ['--import', 'tsx', ...profile],
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new ForkedChild(basename(path, '.ts'), child);
}

class ForkedChild implements Child {
  readonly #waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  readonly #ended: Promise<void>;
  #next = 1;

  constructor(
    name: string,
    private readonly child: ChildProcess,
  ) {
    child.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('failure' in reply) waiting?.reject(new Error(`${name}: ${reply.failure}`));
      else waiting?.resolve(reply.answer);
    });
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended with ${code} before it answered`));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  ask<Answer>(method: string, params: unknown = null): Promise<Answer> {
    const id = this.#next;
    this.#next += 1;
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Answer), reject });
      this.child.send({ id, method, params } satisfies Question);
    });
  }

  async end(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await this.#ended;
  }
}

/** The child's side: answers questions until the runner hangs up. */
export function serve(methods: Readonly<Record<string, (params: never) => unknown>>): void {
  process.on('message', ({ id, method, params }: Question) => {
    const reply = (message: Reply): void => void process.send?.(message);
    const call = async (): Promise<unknown> => methods[method]?.(params as never);
    call().then(
      (answer) => reply({ id, answer }),
      (error: unknown) => reply({ id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  // Not by a signal: a profile is written only at an exit of one's own.
  process.once('disconnect', () => process.exit(0));
}
