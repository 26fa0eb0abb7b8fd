/**
 * Who works beside whom in this process: many in company, or one alone. Whoever waits to be alone goes before those who come later,
 * or nobody ever would be.
 */
export class Company {
  #inside = 0;
  #alone = false;
  #waiting: { readonly alone: boolean; readonly enter: () => void }[] = [];

  async run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    await this.#enter(alone);
    try {
      return await work();
    } finally {
      this.#inside -= 1;
      this.#alone = false;
      this.#admit();
    }
  }

  /** Somebody waits to be let in. Whoever could go on for long comes out and stands in the line again. */
  get crowded(): boolean {
    return this.#waiting.length > 0;
  }

  #enter(alone: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ alone, enter: resolve });
      this.#admit();
    });
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#alone || (next.alone && this.#inside > 0)) return;
      this.#waiting.shift();
      this.#inside += 1;
      this.#alone = next.alone;
      next.enter();
    }
  }
}
