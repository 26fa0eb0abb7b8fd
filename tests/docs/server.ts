import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** The environment of somebody who has just opened a terminal: none of the settings of whoever runs the tests. */
export function bareEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], ...more };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A server that a command line started. */
export interface RunningServer {
  readonly url: string;
  /** Sends a signal to what the shell was told to run, and gives the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

function readyUrl(line: string): string | null {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null || !('msg' in parsed) || parsed.msg !== 'ready') return null;
    return 'url' in parsed && typeof parsed.url === 'string' ? parsed.url : null;
  } catch {
    return null;
  }
}

async function ready(child: ChildProcess): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw new Error('the server has no pipes');
  let complaint = '';
  child.stderr.on('data', (part: Buffer) => {
    complaint += part.toString();
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = readyUrl(line);
    if (url !== null) return url;
  }
  throw new Error(`the server ended without being ready: ${complaint}`);
}

/** Runs a command line as a shell does, and waits until the server says that it is ready. */
export async function start(command: string, env: NodeJS.ProcessEnv): Promise<RunningServer> {
  const child = spawn('bash', ['-c', command], { env: bareEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = once(child, 'exit');
  const url = await ready(child);
  // Its log lines are not read any more; a full pipe must not hold it up.
  child.stdout?.resume();
  return {
    url,
    async stop(signal) {
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}
