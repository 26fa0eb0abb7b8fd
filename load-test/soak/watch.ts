import { Client } from '../client.js';
import { askFleet } from '../fleet.js';
import type { Target } from '../target.js';
import type { MemoryLook } from './growth.js';
import type { SoakOptions } from './options.js';
import type { SoakCheck } from './report.js';
import { type Errors, NO_ERRORS, type Vitals, vitalsOf } from './vitals.js';
import type { Stretch } from './work.js';

const REST_WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 100;
/** A process reads its own start off a clock, to some milliseconds. */
const SAME_START_S = 2;
const STREAM = '/api/v1/streams/messages';

type Found = Pick<SoakCheck, 'processes' | 'errors' | 'rssMb' | 'faults'>;

/** Looks at every process at each check, and remembers what it was at the one before. */
export class SoakWatch {
  readonly memory = new Map<string, MemoryLook[]>();
  readonly #client: Client;
  readonly #idle: boolean;
  readonly #restWithinMs: number;
  readonly #known = new Map<string, Vitals>();

  constructor({ urls }: Pick<Target, 'urls'>, { workload }: Pick<SoakOptions, 'workload'>, restWithinMs = REST_WITHIN_MS) {
    this.#client = new Client(urls, 4);
    this.#restWithinMs = restWithinMs;
    this.#idle = workload === 'idle';
  }

  /** Whoever is there at the start is to be there at every check. */
  async begin(): Promise<void> {
    await this.#look(0);
  }

  /** Once everything that was offered is over. */
  async check(at: number, stretch: Stretch): Promise<Found> {
    const waiting = await this.#waiting();
    const { processes, errors, rssMb, faults } = await this.#look(at);
    const happened = Object.entries({ 'answers of 5xx': errors.http5xx, 'dead letters': errors.deadLetters })
      .concat(this.#idle ? [['failures that were tried again, with nothing to do', errors.trouble]] : [])
      .flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
    return { processes, errors, rssMb, faults: [...faults, ...waiting, ...happened, ...stretch.missed] };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #look(at: number): Promise<Found> {
    const fleet = await askFleet(this.#client);
    const all = await vitalsOf(fleet);
    const faults = all.flatMap((one) => this.#judge(one, at === 0));
    for (const name of [...this.#known.keys()].filter((known) => !all.some(({ workerId }) => workerId === known))) {
      faults.push(`${name} is gone`);
      // Said once, as what has happened since the check before.
      this.#known.delete(name);
    }
    let errors = NO_ERRORS;
    for (const one of all) {
      errors = plus(errors, since(one, this.#known.get(one.workerId)));
      this.#known.set(one.workerId, one);
      if (one.rssMb === null) continue;
      this.memory.set(one.workerId, [...(this.memory.get(one.workerId) ?? []), { at, rssMb: one.rssMb }]);
    }
    const rss = all.flatMap(({ rssMb }) => (rssMb === null ? [] : [rssMb]));
    return { processes: all.filter(({ healthy }) => healthy).length, errors, rssMb: rss.length === 0 ? null : Math.max(...rss), faults };
  }

  #judge(one: Vitals, first: boolean): string[] {
    const { workerId, healthy, startedAt } = one;
    const before = this.#known.get(workerId);
    const faults = healthy ? [] : [`${workerId} is not healthy`];
    if (before === undefined && !first) faults.push(`${workerId} is new`);
    if (before !== undefined && startedAt !== null && before.startedAt !== null && startedAt > before.startedAt + SAME_START_S)
      faults.push(`${workerId} was started anew`);
    return faults;
  }

  /** What is left of work when nothing is offered any more, after a while. */
  async #waiting(): Promise<readonly string[]> {
    const giveUpAt = performance.now() + this.#restWithinMs;
    for (;;) {
      const open = await this.#open();
      if (open === 0) return [];
      if (performance.now() > giveUpAt)
        return [open === null ? 'nobody says what is waiting' : `${open} still open or in the log after ${this.#restWithinMs / 1000} s`];
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  async #open(): Promise<number | null> {
    const [resources, stream] = await Promise.all([
      this.#client.get<{ readonly queue: { readonly open: number | null } }>('/resources'),
      this.#client.get<{ readonly depth: readonly { readonly lag: number; readonly pending: number; readonly parked: number }[] }>(STREAM),
    ]);
    if (resources.status !== 200 || resources.body.queue.open === null || ![200, 404].includes(stream.status)) return null;
    const inLog = stream.status === 200 ? stream.body.depth.reduce((sum, { lag, pending, parked }) => sum + lag + pending + parked, 0) : 0;
    return resources.body.queue.open + inLog;
  }
}

/** Of one that was started anew all that it counts is since. */
function since(now: Vitals, before: Vitals | undefined): Errors {
  if (before === undefined) return NO_ERRORS;
  const restarted = (now.startedAt ?? 0) > (before.startedAt ?? 0) + SAME_START_S;
  const rise = (name: keyof Errors): number => Math.max(0, now.errors[name] - (restarted ? 0 : before.errors[name]));
  return { http5xx: rise('http5xx'), deadLetters: rise('deadLetters'), trouble: rise('trouble') };
}

function plus(a: Errors, b: Errors): Errors {
  return { http5xx: a.http5xx + b.http5xx, deadLetters: a.deadLetters + b.deadLetters, trouble: a.trouble + b.trouble };
}
