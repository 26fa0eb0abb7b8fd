import { type ChannelModel, connect, type RecoveringChannelModel } from 'amqplib';
import type { Timers } from '../../ports/clock.js';
import { sayWhy, within } from './failure.js';

/** Seconds. A broker that says nothing is given up after two to three of them. */
const HEARTBEAT_S = 5;
const CONNECT_MS = 3000;
/** A quorum queue without a leader lets a declaration wait. */
const SETUP_MS = 10_000;
const CLOSE_MS = 2000;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 2000;

export type OnConnection = (event: 'connected' | 'disconnected' | 'reconnected', detail: string) => void;

export interface LinkOptions {
  readonly url: string;
  /** What the broker shows as the connection's name. */
  readonly name: string;
  readonly timers: Timers;
  readonly onConnection: OnConnection;
}

/** What has to be made anew on each connection. */
export interface OnLink {
  /** Resolves when it is there, or has arranged to be; rejects where nothing can be done on this connection. */
  renew(model: ChannelModel): Promise<void>;
  close(): Promise<void>;
}

/** A connection that is made anew until it is closed, with everything that was attached to it. */
export class Link {
  readonly timers: Timers;
  readonly name: string;
  readonly #attached = new Set<OnLink>();
  readonly #onConnection: OnConnection;
  #recovering: RecoveringChannelModel | undefined;
  #model: ChannelModel | null = null;
  #connectedOnce = false;
  #failure: unknown = null;
  #closed = false;

  constructor(
    private readonly options: LinkOptions,
    private readonly onBlocked: (reason: string | null) => void = () => {},
  ) {
    this.timers = options.timers;
    this.name = options.name;
    this.#onConnection = options.onConnection;
  }

  /** The connection there is just now. */
  get model(): ChannelModel | null {
    return this.#model;
  }

  /** Why there is none. */
  get why(): string {
    return this.#closed ? 'closed' : this.#failure === null ? 'not connected yet' : sayWhy(this.#failure);
  }

  /** Begins to connect, and goes on until it is closed. `onFailure` hears of every try that fails. */
  async open(onConnect: () => void, onFailure: (error: unknown) => void): Promise<void> {
    const recovering = await connect(withHeartbeat(this.options.url), {
      // An ack is small and must not wait for the next one.
      noDelay: true,
      timeout: CONNECT_MS,
      clientProperties: { connection_name: this.name },
      recovery: {
        initialDelay: RETRY_FIRST_MS,
        maxDelay: RETRY_LAST_MS,
        waitForConnect: false,
        setup: (model: ChannelModel) => this.#setUpOrAbandon(model),
      },
    });
    this.#recovering = recovering;
    // What ends a connection is told with 'disconnect'.
    recovering.on('error', () => {});
    recovering.on('blocked', (reason: string) => this.onBlocked(reason));
    recovering.on('unblocked', () => this.onBlocked(null));
    recovering.on('connect', () => {
      this.#onConnection(this.#connectedOnce ? 'reconnected' : 'connected', this.name);
      this.#connectedOnce = true;
      onConnect();
    });
    recovering.on('disconnect', (error: Error) => {
      this.#lost(error);
      this.#onConnection('disconnected', `${this.name}: ${sayWhy(error)}`);
    });
    recovering.on('connect-failed', (error: Error) => {
      this.#lost(error);
      onFailure(error);
    });
  }

  /** Has it made on the connection there is, and on each one to come. */
  attach(what: OnLink): void {
    this.#attached.add(what);
    // A failure is its own business: it tries again.
    if (this.#model !== null) what.renew(this.#model).catch(() => {});
  }

  detach(what: OnLink): void {
    this.#attached.delete(what);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const model = this.#model;
    this.#model = null;
    for (const each of this.#attached) await each.close();
    const closing = this.#recovering?.close() ?? Promise.resolve();
    // A broker that stands still must not keep the process.
    await within(this.timers, CLOSE_MS, 'closing', closing).catch(() => model !== null && destroy(model));
  }

  /** Closes it whether the broker answers or not; another is made. */
  async abandon(model: ChannelModel): Promise<void> {
    await within(this.timers, CLOSE_MS, 'closing', model.close()).catch(() => destroy(model));
  }

  /** amqplib closes what could not be set up, and would wait for ever for a broker that stands still. */
  async #setUpOrAbandon(model: ChannelModel): Promise<void> {
    try {
      await within(this.timers, SETUP_MS, 'setting up', this.#setUp(model));
    } catch (error) {
      this.#model = null;
      await this.abandon(model);
      throw error;
    }
  }

  async #setUp(model: ChannelModel): Promise<void> {
    // Until this is done nobody else listens, and an error that nobody listens to ends the process.
    model.on('error', () => {});
    model.on('close', () => {
      if (this.#model === model) this.#model = null;
    });
    this.#model = model;
    this.onBlocked(null);
    await Promise.all([...this.#attached].map((each) => each.renew(model)));
  }

  #lost(error: unknown): void {
    this.#model = null;
    this.#failure = error;
    this.onBlocked(null);
  }
}

/** The socket is not in amqplib's types. On one that is closed already this does nothing. */
function destroy(model: ChannelModel): void {
  const { stream } = model.connection as { stream?: { destroy(error: Error): void } };
  stream?.destroy(new Error('given up: the broker did not answer'));
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', String(HEARTBEAT_S));
  return parsed.href;
}
