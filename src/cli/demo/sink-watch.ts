import type { ApiClient } from '../api-client.js';
import { CliError } from '../cli-error.js';

interface Arrival {
  readonly seq: number;
  readonly receivedAtMs: number;
  readonly operationId: string;
  readonly taken: boolean;
  /** How often the sink had taken this operation id then, that time included. */
  readonly n: number;
}

interface Listing {
  readonly arrivals: readonly Arrival[];
}

const LOOK_EVERY_MS = 300;

/**
 * Watches what arrives at the server's sink while the demo runs. The sink remembers a bounded number of arrivals and
 * numbers all of them: looking often enough sees each one, and a gap in the numbers says that some were missed.
 */
export class SinkWatch {
  readonly #client: ApiClient;
  readonly #seen = new Set<number>();
  /** Times taken, by operation id. */
  readonly #taken = new Map<string, number>();
  #first = 0;
  #last = 0;
  #since = 0;
  #watching = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** @throws CliError where the server has no sink: its e-mails and webhooks would go to real places */
  async start(): Promise<void> {
    const listing = await this.#client.find<Listing>('/sink/deliveries');
    if (listing === null)
      throw new CliError(`the server at ${this.#client.url} has no sink (SINK=on): the demo would send to real addresses`);
    this.#first = listing.arrivals[0]?.seq ?? 0;
    this.#last = this.#first;
    this.#since = listing.arrivals[0]?.receivedAtMs ?? 0;
    this.#watching = true;
    this.#turn = this.#watch();
  }

  /** Looks a last time. */
  async stop(): Promise<void> {
    this.#watching = false;
    await this.#turn;
    await this.#look();
  }

  /** How many arrivals went by unseen; of these nothing can be said. */
  get missed(): number {
    return this.#last - this.#first - this.#seen.size;
  }

  /** How often the receiver has taken this operation, as far as it was seen. */
  timesTaken(operationId: string): number {
    return this.#taken.get(operationId) ?? 0;
  }

  /** Asks the sink about one operation that was not seen. */
  async ask(operationId: string): Promise<void> {
    const { arrivals } = await this.#client.get<Listing>(`/sink/deliveries?operationId=${encodeURIComponent(operationId)}`);
    for (const arrival of arrivals) this.#note(arrival);
  }

  async #watch(): Promise<void> {
    while (this.#watching) {
      await this.#look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  async #look(): Promise<void> {
    // A look that fails is made up for by the next, or shows as a gap.
    const listing = await this.#client.get<Listing>(`/sink/deliveries?since=${this.#since}`).catch(() => null);
    for (const arrival of listing?.arrivals ?? []) {
      if (arrival.seq <= this.#first) continue;
      this.#seen.add(arrival.seq);
      this.#last = Math.max(this.#last, arrival.seq);
      this.#since = Math.max(this.#since, arrival.receivedAtMs);
      this.#note(arrival);
    }
  }

  #note({ operationId, taken, n }: Arrival): void {
    if (taken) this.#taken.set(operationId, Math.max(n, this.timesTaken(operationId)));
  }
}
