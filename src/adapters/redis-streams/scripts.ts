import type { Redis as Client } from 'ioredis';
import { explain } from './connection.js';
import { APPEND, BRING_BACK, SEAL } from './scripts-append.js';
import { BURY, DROP_LANE, LOOK, PUT_IN, RELEASE_LANE, REMOVE_DEAD, TAKE_OUT, TRIM } from './scripts-desk.js';
import { BEAT, BEGIN_EPOCH, KEEP, TAKE } from './scripts-fleet.js';
import { FIND, REMEMBER, WAITS } from './scripts-known.js';
import { SPARE, TURN } from './scripts-owner.js';

const SCRIPTS = {
  append: APPEND,
  bringBack: BRING_BACK,
  seal: SEAL,
  turn: TURN,
  spare: SPARE,
  take: TAKE,
  keep: KEEP,
  beat: BEAT,
  beginEpoch: BEGIN_EPOCH,
  bury: BURY,
  removeDead: REMOVE_DEAD,
  releaseLane: RELEASE_LANE,
  look: LOOK,
  trim: TRIM,
  takeOut: TAKE_OUT,
  putIn: PUT_IN,
  dropLane: DROP_LANE,
  waits: WAITS,
  find: FIND,
  remember: REMEMBER,
} as const;

type ScriptName = keyof typeof SCRIPTS;

/**
 * What a server that is full still lets through: all by which it becomes less full, leases and dead letters among it, though each writes
 * a little. Without it nobody could settle anything, and it would stay full. What brings something in is refused.
 */
const WHEN_FULL = '#!lua flags=allow-oom';
const BRINGS_IN: ReadonlySet<string> = new Set(['append', 'bringBack'] satisfies ScriptName[]);
type Run = (keys: number, ...rest: (string | number)[]) => Promise<unknown>;

/** Everything that is asked of the server goes through it: a circuit breaker, say. */
export type Guard = <T>(call: () => Promise<T>) => Promise<T>;

/** The connection for commands, with our scripts. Each is sent once as text and by its digest from then on. */
export class Scripts {
  readonly client: Client;
  readonly #guard: Guard;

  constructor(client: Client, guard: Guard) {
    this.client = client;
    this.#guard = guard;
    for (const [name, lua] of Object.entries(SCRIPTS)) {
      client.defineCommand(commandOf(name), { lua: BRINGS_IN.has(name) ? lua : WHEN_FULL + lua });
    }
  }

  /** Rejects with a `SignalboxError` where the server cannot be asked; see {@link explain}. */
  async run<T>(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<T> {
    return this.ask(() => {
      const run = (this.client as unknown as Record<string, Run>)[commandOf(name)] as Run;
      return run.call(this.client, keys.length, ...keys, ...args) as Promise<T>;
    });
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.#guard(call);
    } catch (error) {
      throw explain(error);
    }
  }
}

function commandOf(name: string): string {
  return `signalbox_${name}`;
}
