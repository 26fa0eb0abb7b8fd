import cliProgress from 'cli-progress';
import { now } from './stats.js';

interface Counts {
  readonly accepted: number;
  readonly errors: number;
  readonly arrived: number;
  readonly inFlight: number;
}

const BAR_EVERY_MS = 500;
const LINE_EVERY_MS = 10_000;

/** How far the load is: a bar on a terminal, else a line now and then. On standard error. */
export class Progress {
  readonly #durationMs: number;
  readonly #startedAt: number;
  readonly #counts: () => Counts;
  readonly #bar: cliProgress.SingleBar | null;
  #timer: NodeJS.Timeout | undefined;

  constructor(durationMs: number, startedAt: number, counts: () => Counts) {
    this.#durationMs = durationMs;
    this.#startedAt = startedAt;
    this.#counts = counts;
    this.#bar = process.stderr.isTTY
      ? new cliProgress.SingleBar({ format: '{bar} {value}/{total} s | {text}', hideCursor: true, stream: process.stderr })
      : null;
  }

  start(): void {
    this.#bar?.start(Math.round(this.#durationMs / 1000), 0, { text: '' });
    this.#timer = setInterval(() => this.#show(), this.#bar === null ? LINE_EVERY_MS : BAR_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#bar !== null) this.#show();
    this.#bar?.stop();
  }

  #show(): void {
    const { accepted, errors, arrived, inFlight } = this.#counts();
    const seconds = Math.max(0, (now() - this.#startedAt) / 1000);
    const text = `${accepted} accepted, ${arrived} delivered, ${errors} errors, ${inFlight} in flight`;
    if (this.#bar === null) process.stderr.write(`${Math.round(seconds)} s: ${text}\n`);
    else this.#bar.update(Math.min(Math.round(seconds), Math.round(this.#durationMs / 1000)), { text });
  }
}
