import type { Client } from './client.js';
import { now } from './stats.js';

/** What the server said of itself at one moment. */
export interface Look {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly open: number;
  readonly waiting: number;
  readonly taken: number;
  readonly cpuPercent: number;
  readonly rssMiB: number;
}

interface Resources {
  readonly cpu: { readonly percent: number };
  readonly memory: { readonly rssBytes: number };
  readonly queue: { readonly depth: number; readonly unacked: number; readonly open: number };
}

const EVERY_MS = 1000;

/** Looks at `/resources` each second. A look that fails leaves a gap. */
export class BacklogWatch {
  readonly looks: Look[] = [];
  readonly #client: Client;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { status, body } = await this.#client.get<Resources>('/resources');
    if (status !== 200) return;
    const { cpu, memory, queue } = body;
    this.looks.push({
      at: now(),
      open: queue.open,
      waiting: queue.depth,
      taken: queue.unacked,
      cpuPercent: cpu.percent,
      rssMiB: memory.rssBytes / 2 ** 20,
    });
  }
}
