import { processesOf } from './cluster-client.js';

/** What a process said at one of its paths; `body` is null where it gave no JSON, `status` where it gave nothing. */
export interface Said<T> {
  readonly port: number;
  readonly status: number | null;
  readonly body: T | null;
}

const WITHIN_MS = 5_000;

/** Asks processes of this machine, all at once. Never rejects. */
export function askAll<T>(ports: readonly number[], path: string): Promise<readonly Said<T>[]> {
  return Promise.all(ports.map((port) => ask<T>(port, path)));
}

async function ask<T>(port: number, path: string): Promise<Said<T>> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(WITHIN_MS) });
    const body = (await response.json().catch(() => null)) as T | null;
    return { port, status: response.status, body };
  } catch {
    return { port, status: null, body: null };
  }
}

/** The ports of one kind of process: of the cluster that runs here, else the usual ones. */
export async function portsOf(kind: 'api' | 'worker', directory: string, first: number, usual: number): Promise<readonly number[]> {
  const running = await processesOf(directory);
  const found = running?.flatMap((each) => (each.kind === kind && each.port !== null ? [each.port] : [])) ?? [];
  return found.length > 0 ? found : consecutive(first, usual);
}

export function consecutive(first: number, many: number): readonly number[] {
  return Array.from({ length: many }, (_none, index) => first + index);
}
