import { Inexact } from './case.js';

/** Ticks off sequence numbers 0 … n−1, each once. */
export class Exactly {
  readonly #seen: Uint8Array;
  #left: number;
  #doubled = 0;
  #strange = 0;

  constructor(private readonly items: number) {
    this.#seen = new Uint8Array(items);
    this.#left = items;
  }

  tick(seq: unknown): void {
    if (typeof seq !== 'number' || !Number.isInteger(seq) || seq < 0 || seq >= this.items) this.#strange += 1;
    else if (this.#seen[seq] === 1) this.#doubled += 1;
    else {
      this.#seen[seq] = 1;
      this.#left -= 1;
    }
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  /** @throws Inexact naming `what` when one was lost, doubled, or was never sent */
  check(what: string): void {
    if (this.#left === 0 && this.#doubled === 0 && this.#strange === 0) return;
    throw new Inexact(`${what}: of ${this.items} items ${this.#left} lost, ${this.#doubled} doubled, ${this.#strange} that nobody sent`);
  }
}
