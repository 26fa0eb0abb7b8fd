import type { Channel } from '../ports/channel.js';

/** The value of FAILPOINT that arms channels with {@link poisoned}. */
export const POISON = 'poison';

/**
 * What a recipient's name may ask for, as `poison-throws`, `poison-exits`, `poison-kills`, `poison-hangs`, or
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

const SYSTEM: Harm = {
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
      const [, mark, ms] = MARK.exec(effect.recipient) ?? [];
      if (mark === undefined) return channel.send(effect, signal);
      if (mark === 'hangs') return new Promise<never>(() => {});
      if (mark === 'exits') harm.exit();
      if (mark === 'kills') harm.kill();
      if (ms !== undefined) harm.block(Number(ms));
      throw new Error(`a handler failed on ${mark}`);
    },
  };
}
