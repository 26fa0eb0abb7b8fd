import { CliError } from './cli-error.js';
import type { Reading } from './scaler.js';

/** Recording rules of prometheus/alerts/saturation.yml and phase3-queue.yml. */
const QUEUE = 'signalbox:queue_depth';
const LOG = 'signalbox:message_lag';
const IN_HAND = 'signalbox:records_held_ratio';
const PROCESSORS = 'avg(signalbox:cpu_ratio{job="worker"})';

interface Answer {
  readonly data?: { readonly result?: readonly { readonly value?: readonly [number, string] }[] };
}

/** What waits and how much is in use, as Prometheus sees it. @throws CliError where it does not answer, or does not know */
export async function readingFrom(prometheus: string, signal: AbortSignal): Promise<Omit<Reading, 'workers'>> {
  const ask = (query: string): Promise<number | null> => gaugeIn(prometheus, query, signal);
  const [queue, log, inHand, processors] = await Promise.all([ask(QUEUE), ask(LOG), ask(IN_HAND), ask(PROCESSORS)]);
  if (queue === null)
    throw new CliError(`Prometheus at ${prometheus} knows no ${QUEUE}: does it evaluate the rules, and see the processes?`);
  // Without a log there is no lag; without a worker nothing is in use.
  return { waiting: queue + (log ?? 0), use: Math.max(inHand ?? 0, processors ?? 0) };
}

async function gaugeIn(prometheus: string, query: string, signal: AbortSignal): Promise<number | null> {
  try {
    const response = await fetch(`${prometheus}/api/v1/query?${new URLSearchParams({ query })}`, { signal });
    if (!response.ok) throw new CliError(`Prometheus at ${prometheus} answers ${response.status} to ${query}`);
    const { data } = (await response.json()) as Answer;
    const value = Number(data?.result?.[0]?.value?.[1] ?? Number.NaN);
    return Number.isFinite(value) ? value : null;
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`Prometheus at ${prometheus} does not answer (${error instanceof Error ? error.message : String(error)})`);
  }
}
