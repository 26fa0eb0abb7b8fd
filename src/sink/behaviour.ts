import { z } from 'zod';

export const SINK_CHANNELS = ['email', 'webhook', 'sms', 'push'] as const;
export type SinkChannel = (typeof SINK_CHANNELS)[number];

/** The most scripts that are kept at a time. */
const MAX_SCRIPTS = 1000;

const stepShape = {
  /**
   * What becomes of one arrival:
   * - `ok`: taken, answered at once.
   * - `status`: answered with `status` (and `retryAfterS`); taken only when it is a 2xx. For e-mail `at` says when: at
   *   RCPT TO or after the content.
   * - `delay`: taken, answered after `delayMs`.
   * - `hang`: taken, never answered.
   * - `drop-reply`: taken, then the connection is cut instead of an answer.
   * - `refuse`: the connection is cut, nothing is taken. For e-mail: at RCPT TO.
   */
  do: z.enum(['ok', 'status', 'delay', 'hang', 'drop-reply', 'refuse']),
  status: z.int().min(200).max(599).optional(),
  retryAfterS: z.int().min(0).max(86_400).optional(),
  delayMs: z.int().min(0).max(600_000).optional(),
  /** How many arrivals it is for. Default: 1. */
  times: z.int().min(1).max(1_000_000).optional(),
  at: z.enum(['rcpt', 'data']).optional(),
};

const stepSchema = z.strictObject(stepShape).superRefine((step, context) => {
  if (step.do === 'status' && step.status === undefined) {
    context.addIssue({ code: 'custom', path: ['status'], message: 'A status step needs a status' });
  }
  if (step.do === 'delay' && step.delayMs === undefined) {
    context.addIssue({ code: 'custom', path: ['delayMs'], message: 'A delay step needs delayMs' });
  }
});

/** What `PUT /sink/behaviour` takes. */
export const behaviourSchema = z.strictObject({
  /** Default: all. */
  channel: z.enum(SINK_CHANNELS).optional(),
  /** A recipient's address, number or token, or a webhook's name. Default: all. */
  name: z.string().min(1).max(500).optional(),
  steps: z.array(stepSchema).max(1000).default([]),
  /** What happens when the steps are used up. Default: `ok`. */
  then: z.union([z.literal('ok'), stepSchema]).default('ok'),
});

export type Step = z.infer<typeof stepSchema>;
export type Behaviour = z.infer<typeof behaviourSchema>;

/** A script as it stands: the steps that are left, and how many arrivals it has decided. */
export interface ScriptState {
  readonly channel: SinkChannel | null;
  readonly name: string | null;
  readonly left: readonly Step[];
  readonly then: 'ok' | Step;
  readonly decided: number;
}

interface Script {
  readonly behaviour: Behaviour;
  /** Index of the present step, and how often it has been used. */
  at: number;
  used: number;
  decided: number;
}

const OK: Step = { do: 'ok' };

/** Scripted answers by channel and name. The closest match decides: both given, name only, channel only, neither. */
export class Behaviours {
  readonly #scripts = new Map<string, Script>();

  /** Replaces the script for the same channel and name. Throws `RangeError` when there are too many. */
  set(behaviour: Behaviour): void {
    const key = keyOf(behaviour.channel, behaviour.name);
    if (!this.#scripts.has(key) && this.#scripts.size >= MAX_SCRIPTS) throw new RangeError(`At most ${MAX_SCRIPTS} scripts are kept`);
    this.#scripts.set(key, { behaviour, at: 0, used: 0, decided: 0 });
  }

  /** Removes the script for exactly this channel and name, or all when neither is given. */
  reset(channel?: SinkChannel, name?: string): void {
    if (channel === undefined && name === undefined) this.#scripts.clear();
    else this.#scripts.delete(keyOf(channel, name));
  }

  /** Decides one arrival, and uses it up. */
  next(channel: SinkChannel, name: string): Step {
    if (this.#scripts.size === 0) return OK;
    const script =
      this.#scripts.get(keyOf(channel, name)) ??
      this.#scripts.get(keyOf(undefined, name)) ??
      this.#scripts.get(keyOf(channel, undefined)) ??
      this.#scripts.get(keyOf(undefined, undefined));
    return script === undefined ? OK : advance(script);
  }

  state(): readonly ScriptState[] {
    return [...this.#scripts.values()].map(({ behaviour, at, used, decided }) => ({
      channel: behaviour.channel ?? null,
      name: behaviour.name ?? null,
      left: behaviour.steps.slice(at).map((step, index) => (index === 0 ? { ...step, times: (step.times ?? 1) - used } : step)),
      then: behaviour.then,
      decided,
    }));
  }
}

function advance(script: Script): Step {
  const { steps, then } = script.behaviour;
  script.decided += 1;
  const step = steps[script.at];
  if (step === undefined) return then === 'ok' ? OK : then;
  script.used += 1;
  if (script.used >= (step.times ?? 1)) {
    script.at += 1;
    script.used = 0;
  }
  return step;
}

function keyOf(channel: SinkChannel | undefined, name: string | undefined): string {
  return `${channel ?? '*'}\u0000${name ?? '*'}`;
}
