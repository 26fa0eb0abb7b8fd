import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, type Ended, startChild } from './child.js';

/** A real server in a process of its own: `node dist/main.js`. */
export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Resolves when the process has ended, whoever ended it. */
  readonly ended: Promise<Ended>;
  readonly running: boolean;
  /** From the spawn to the ready line. */
  readonly startMs: number;
  /** The last lines it wrote. */
  tail(): string;
  /** SIGTERM, then waits; the data directory goes too if it was made here. */
  stop(): Promise<Ended>;
  /** SIGKILL, then waits. The data directory stays. */
  kill(): Promise<Ended>;
}

export interface ServerOptions {
  /** Holds `dist/` (see `freezeBuild`). */
  readonly directory: string;
  /** Settings on top of: any free port, a data directory of its own, test mode. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Its log lines go there too. */
  readonly logFile?: string;
}

/** Starts it and waits until it says that it is ready. Its environment is these settings alone, and no `.env` is read. */
export async function startServer({ directory, settings = {}, logFile }: ServerOptions): Promise<ServerProcess> {
  const own = settings['DATA_DIR'] === undefined;
  const dataDir = settings['DATA_DIR'] ?? (await mkdtemp(join(tmpdir(), 'signalbox-data-')));
  const startedAt = performance.now();
  const { child, said } = await startChild(
    {
      argv: ['--enable-source-maps', join(directory, 'dist/main.js')],
      // Where no .env is: there may be one beside `dist/`.
      cwd: join(directory, 'dist'),
      env: { NODE_ENV: 'test', SERVER_PORT: '0', LOG_LEVEL: 'info', ...settings, DATA_DIR: dataDir },
      ...(logFile === undefined ? {} : { logFile }),
    },
    readyUrl,
  );
  return serverOf(child, said, dataDir, Math.round(performance.now() - startedAt), own);
}

/** The address in the line `{"msg":"ready","url":"…"}`. */
function readyUrl(line: string): string | null {
  if (!line.includes('"msg":"ready"')) return null;
  return (JSON.parse(line) as { readonly url: string }).url;
}

function serverOf(child: Child, url: string, dataDir: string, startMs: number, own: boolean): ServerProcess {
  return {
    url,
    pid: child.pid,
    dataDir,
    ended: child.ended,
    get running() {
      return child.running;
    },
    startMs,
    tail: child.tail,
    async stop() {
      const ended = await child.stop();
      if (own) await rm(dataDir, { recursive: true, force: true });
      return ended;
    },
    kill() {
      child.signal('SIGKILL');
      return child.ended;
    },
  };
}
