import { SignalboxError } from '../errors.js';
import type { Clock, Timer, Timers } from '../ports/clock.js';
import type { Fleet, FleetMember, SeenMember } from '../ports/fleet.js';

const LIVES_MS = 15_000;
const EVERY_MS = 5_000;
/** How often a start asks again while the name is another's. */
const ASK_AGAIN_MS = 500;

interface Options {
  readonly fleet: Fleet;
  /** This process as it is at the moment of asking. */
  readonly member: () => FleetMember;
  readonly timers: Timers;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Told how many processes there are, at the first count and when it changes. */
  readonly onSize: (processes: number) => void;
  /** After so long without a beat we are gone. Default: 15 s. */
  readonly livesMs?: number;
  /** Default: 5 s. */
  readonly everyMs?: number;
  /** The registry did not answer, or the name was taken from us while we lived. Beating goes on. */
  readonly onTrouble: (error: unknown) => void;
}

/** This process in the registry of the fleet. */
export interface Presence {
  /**
   * Enters the registry and stays there. A registry that does not answer is no reason not to start. Rejects with
   * `SignalboxError` (`conflict`) when another process lives under our name; one of this machine that is dead is no
   * such process, and one that may be dead is waited for until that is known.
   */
  start(): Promise<void>;
  /** Those alive. Rejects as the registry does. */
  members(): Promise<readonly SeenMember[]>;
  /** Those who fell silent without a word. Rejects as the registry does. */
  lost(): Promise<readonly SeenMember[]>;
  /** Off the list. Before `start` is fine, twice is fine. */
  stop(): Promise<void>;
}

export function createPresence(options: Options): Presence {
  return new Beating(options);
}

class Beating implements Presence {
  readonly #options: Options;
  readonly #livesMs: number;
  readonly #everyMs: number;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #timer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #size = 0;
  #goOn: () => void = () => undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#livesMs = options.livesMs ?? LIVES_MS;
    this.#everyMs = options.everyMs ?? EVERY_MS;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#turn = this.#enter();
    await this.#turn;
    this.#schedule();
  }

  members(): Promise<readonly SeenMember[]> {
    return this.#options.fleet.members();
  }

  lost(): Promise<readonly SeenMember[]> {
    return this.#options.fleet.lost();
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    const entered = this.#state === 'running';
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#goOn();
    await this.#turn.catch(() => undefined);
    if (!entered) return;
    const { fleet, member, onTrouble } = this.#options;
    const { workerId, incarnation } = member();
    await fleet.leave(workerId, incarnation).catch(onTrouble);
  }

  /** The first beat, and others while somebody seems to live under our name. */
  async #enter(): Promise<void> {
    const { clock } = this.#options;
    // A dead one's time has surely run out by then; a living one has shown itself long before.
    const giveUpAt = clock.monotonic() + this.#livesMs + this.#everyMs;
    let first: SeenMember | undefined;
    try {
      while (this.#state === 'running') {
        if ((await this.#beat()) === 'ok') return;
        const holder = await this.#holder();
        first ??= holder;
        const lives = holder !== undefined && first !== undefined && holder.livesUntil > first.livesUntil;
        if (lives || clock.monotonic() > giveUpAt) throw taken(this.#options.member().workerId, holder);
        if (holder !== undefined && isDead(holder, this.#options.member())) {
          await this.#options.fleet.leave(holder.workerId, holder.incarnation);
        } else await this.#pause();
      }
    } catch (error) {
      if (error instanceof SignalboxError && error.code === 'conflict') throw error;
      this.#options.onTrouble(error);
    }
  }

  async #holder(): Promise<SeenMember | undefined> {
    const { workerId } = this.#options.member();
    return (await this.members()).find((each) => each.workerId === workerId);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.timers.after(ASK_AGAIN_MS, resolve);
      this.#goOn = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #schedule(): void {
    if (this.#state !== 'running') return;
    this.#timer = this.#options.timers.after(this.#everyMs, () => {
      this.#turn = this.#again().finally(() => this.#schedule());
    });
  }

  async #again(): Promise<void> {
    try {
      if ((await this.#beat()) === 'ok') return;
      const { workerId } = this.#options.member();
      this.#options.onTrouble(new SignalboxError('conflict', `Another process calls itself ${workerId}; give each its own WORKER_ID`));
    } catch (error) {
      this.#options.onTrouble(error);
    }
  }

  async #beat(): Promise<'ok' | 'taken'> {
    const { fleet, member, onSize } = this.#options;
    const answer = await fleet.beat(member(), this.#livesMs);
    if (answer === 'taken') return answer;
    const { length } = await this.members();
    if (length !== this.#size) onSize(length);
    this.#size = length;
    return answer;
  }
}

function taken(workerId: string, holder: SeenMember | undefined): SignalboxError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new SignalboxError('conflict', `WORKER_ID ${workerId} is taken by ${who}, which is running; give each process its own`);
}

/** Whether that process is surely over: on our own machine, with an id that nobody has, or that is ours since it began. */
function isDead(holder: FleetMember, own: FleetMember): boolean {
  if (holder.host !== own.host) return false;
  if (holder.pid === own.pid) return holder.startedAt < performance.timeOrigin;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ESRCH';
  }
}
