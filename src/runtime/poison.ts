import type { Channel } from '../ports/channel.js';

/** The value of FAILPOINT that arms channels with {@link poisoned}. */
export const POISON = 'poison';

/**
 * What a recipient's name, or a message, may ask for, as `poison-throws`, `poison-exits`, `poison-kills`, `poison-hangs`, or
 * `poison-blocks-7000` (milliseconds) anywhere in it.
 */
const MARK = /poison-(throws|exits|kills|hangs|blocks-(\d{1,6}))/;

/** What a handler gone wrong does to the process that it runs in. */
export interface Harm {
  exit(): void;
  kill(): void;
  /** Lets nothing else happen in the process for so many milliseconds. */
  block(ms: number): void;
}

/** What it does to this process. */
export const SYSTEM: Harm = {
  exit: () => process.exit(1),
  kill: () => void process.kill(process.pid, 'SIGKILL'),
  block: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
};

/**
 * The same channel, but for recipients that are marked: handling those throws, ends the process, hangs for ever without
 * heeding its signal, or blocks the event loop. Nothing is ever sent to them.
 */
export function poisoned<C extends Channel>(channel: C, harm: Harm = SYSTEM): C {
  return {
    ...channel,
    async send(effect, signal) {
      const poison = poisonIn(effect.recipient);
      return poison === null ? channel.send(effect, signal) : doHarm(poison, harm);
    },
  };
}

export function isPoisonArmed(spec: string | null): boolean {
  return spec === POISON;
}

/** What a text asks for; null: it is not marked. */
interface Poison {
  readonly mark: string;
  readonly blocksMs: number | null;
}

export function poisonIn(text: string): Poison | null {
  const [, mark, ms] = MARK.exec(text) ?? [];
  return mark === undefined ? null : { mark, blocksMs: ms === undefined ? null : Number(ms) };
}

/** Never resolves. */
export async function doHarm({ mark, blocksMs }: Poison, harm: Harm): Promise<never> {
  if (mark === 'hangs') return new Promise<never>(() => {});
  if (mark === 'exits') harm.exit();
  if (mark === 'kills') harm.kill();
  if (blocksMs !== null) harm.block(blocksMs);
  throw new Error(`a handler failed on ${mark}`);
}
