import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from './supervised.js';

/** The programs that are run; tests give others. */
export interface Programs {
  readonly api: string;
  readonly worker: string;
  readonly sink: string;
}

export const PROGRAMS: Programs = {
  api: fileURLToPath(new URL('../main.js', import.meta.url)),
  worker: fileURLToPath(new URL('../worker.js', import.meta.url)),
  sink: fileURLToPath(new URL('../sink/main.js', import.meta.url)),
};

/** How many of each there are to be. */
export interface Counts {
  readonly api: number;
  readonly worker: number;
}

export interface PlanOptions {
  readonly programs: Programs;
  /** What every process gets. */
  readonly variables: NodeJS.ProcessEnv;
  readonly apiPort: number;
  readonly workerPort: number;
  /** Under which address the processes are reached from this machine. */
  readonly host: string;
  /** Whether workers serve their health. */
  readonly workerHealth: boolean;
  /** As many as there are to be when a process is started. */
  readonly counts: () => Counts;
  /** Settings that lead to the sink; empty where there is none. */
  readonly sink: () => Readonly<Record<string, string>>;
}

const ASK_WITHIN_MS = 2_000;
/** A process that serves no health counts as ready when it has lived so long. */
const SETTLED_MS = 3_000;

/** The i-th process (from 1) of its kind. */
export function processSpec(kind: 'api' | 'worker', index: number, options: PlanOptions): ProcessSpec {
  const { programs, variables, apiPort, workerPort, host, workerHealth, counts, sink } = options;
  const name = `${kind}-${index}`;
  const port = kind === 'api' ? apiPort + index - 1 : workerPort + index - 1;
  const served = kind === 'api' || workerHealth;
  const own =
    kind === 'api' ? { ROLE: 'api', SERVER_PORT: String(port) } : { ROLE: 'worker,scheduler,janitor', HEALTH_CHECK_PORT: String(port) };
  let settledAt = 0;
  return {
    name,
    kind,
    port: served ? port : null,
    argv: () => [programs[kind]],
    env: (restarts) => {
      settledAt = Date.now() + SETTLED_MS;
      return {
        ...variables,
        // A link in a mail leads to an API, whoever sent the mail.
        ...(isSet(variables, 'PUBLIC_URL') ? {} : { PUBLIC_URL: `http://localhost:${apiPort}` }),
        ...sink(),
        ...own,
        SINK: 'off',
        WORKER_ID: name,
        WORKER_RESTARTS: String(restarts),
        NUM_WORKERS: String(counts().worker),
        NUM_API_INSTANCES: String(counts().api),
      };
    },
    isReady: async () => (served ? answers(`http://${host}:${port}/readyz`) : Date.now() >= settledAt),
  };
}

/** Whether a server says 2xx there. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

export function isSet(variables: NodeJS.ProcessEnv, name: string): boolean {
  return (variables[name] ?? '').trim() !== '';
}
