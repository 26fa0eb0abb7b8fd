import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Seeded, seeded } from '../support/seeded.js';
import type { ServerProcess } from '../support/server-process.js';

/** To rest: as long as the number of open records falls, but not for ever. */
const STANDSTILL_MS = 60_000;
const REST_WITHIN_MS = 600_000;

interface Resources {
  readonly queue: { readonly open: number; readonly oldestDueMs: number };
}

export async function resourcesOf(server: ServerProcess): Promise<Resources['queue'] | null> {
  try {
    const response = await fetch(`${server.url}/resources`, { signal: AbortSignal.timeout(2000) });
    return ((await response.json()) as Resources).queue;
  } catch {
    return null;
  }
}

/** Waits until no record is open any more; gives up when nothing moves, or in the end. */
export async function rest(server: ServerProcess): Promise<boolean> {
  let least = Number.POSITIVE_INFINITY;
  let movedAt = performance.now();
  await until(REST_WITHIN_MS, async () => {
    const open = (await resourcesOf(server))?.open ?? least;
    if (open < least) movedAt = performance.now();
    least = Math.min(least, open);
    return least === 0 || performance.now() - movedAt > STANDSTILL_MS;
  });
  return least === 0;
}

export async function until(withinMs: number, look: () => Promise<boolean>): Promise<boolean> {
  const giveUpAt = performance.now() + withinMs;
  while (performance.now() < giveUpAt) {
    if (await look()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** The evidence stays readable after the drill: `tools/ledger/run.ts` takes these files. */
export function write(directory: string, name: string, lines: readonly unknown[]): void {
  writeFileSync(join(directory, `${name}.ndjson`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** A port below those that the kernel gives to outgoing connections: it must still be free when the server comes back. */
export async function freePort(random: Seeded = seeded(process.pid)): Promise<number> {
  for (;;) {
    const port = random.between(20_000, 30_000);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
