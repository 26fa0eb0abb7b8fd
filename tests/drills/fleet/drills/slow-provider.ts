import { behave, behaveAgain } from '../behave.js';
import type { Drill } from '../drill.js';
import type { Findings } from '../evidence.js';
import { offer } from '../load.js';
import type { Stage } from '../stage.js';
import { firstEffects, p95 } from '../times.js';

const USUAL_MS = 100;
const SLOW_MS = 10 * USUAL_MS;
/** One in so many goes to those that become slow. */
const SLOW_EVERY = 5;
/** The receiver keeps no more scripts. */
const NAMES_MAX = 900;
const BASELINE_MS = 8_000;
/** What a busy machine adds by itself. */
const NOISE_MS = 400;

const isSlow = (index: number): boolean => index % SLOW_EVERY === 0;
const spans = new WeakMap<Stage, { readonly from: number; readonly to: number; readonly until: number }>();

export const slowProvider: Drill = {
  name: 'slow-provider',
  about: 'a fifth of all webhooks is answered ten times slower for --seconds: the others are not late',
  scale: { rate: 20, seconds: 15 },
  offerOf: (index, { run, sinkUrl }) => offer(index, 'webhook', { run, sinkUrl }),
  async fault(stage) {
    await behave(stage, { channel: 'webhook', then: { do: 'delay', delayMs: USUAL_MS } });
    const from = Date.now();
    await stage.pass(BASELINE_MS);
    const to = Date.now();
    await stage.fault('a fifth of the webhooks: ten times slower', stage.leaseMs, async () => {
      const first = stage.load.counts().offered;
      const names = Math.min(NAMES_MAX, Math.ceil((stage.options.rate * (stage.options.seconds + 5)) / SLOW_EVERY));
      for (let index = first; index < first + names * SLOW_EVERY; index += 1) {
        if (isSlow(index)) await behave(stage, { channel: 'webhook', name: `n${index}`, then: { do: 'delay', delayMs: SLOW_MS } });
      }
      await stage.pass(stage.options.seconds * 1000);
      spans.set(stage, { from, to, until: Date.now() });
      await behaveAgain(stage);
    });
  },
  judge(stage, findings) {
    const span = spans.get(stage);
    if (span === undefined) return [];
    const before = p95(lateness(findings, span.from, span.to));
    const beside = p95(lateness(findings, span.to, span.until));
    stage.figure('others before, from acceptance to their receiver, p95 ms', before);
    stage.figure('others beside the slow ones, p95 ms', beside);
    const allowed = Math.round(before * 1.2 + NOISE_MS);
    return beside > allowed ? [`others took ${beside} ms (p95) beside the slow ones, ${allowed} allowed`] : [];
  },
};

/** Of those that were accepted within the span and are not slow themselves: from then to their receiver, milliseconds. */
function lateness({ told, evidence }: Findings, from: number, to: number): readonly number[] {
  const at = firstEffects(evidence);
  return told.flatMap(({ acceptedAt, deliveries }) => {
    const since = Date.parse(acceptedAt);
    if (since < from || since >= to) return [];
    return deliveries
      .filter(({ recipient }) => !isSlow(Number(recipient.split('/n').at(-1))))
      .map(({ operationId }) => (at.get(operationId) ?? Number.POSITIVE_INFINITY) - since);
  });
}
