import { Client } from '../client.js';
import type { Fleet, Member } from '../fleet.js';
import { type Metrics, metricsOf } from '../fleet-watch.js';

/** What one process said of itself at a check; null: it did not answer. */
export interface Vitals {
  readonly workerId: string;
  /** Seconds since the epoch. */
  readonly startedAt: number | null;
  readonly rssMb: number | null;
  readonly healthy: boolean;
  /** Since it started. */
  readonly errors: Errors;
}

/** What must not happen. */
export interface Errors {
  /** Answers of 500 and above. */
  readonly http5xx: number;
  readonly deadLetters: number;
  /** Failures of a store, a queue or a channel that were tried again: they harm nobody, but where nothing is done there are none. */
  readonly trouble: number;
}

export const NO_ERRORS: Errors = { http5xx: 0, deadLetters: 0, trouble: 0 };

/** Every process of the fleet. */
export function vitalsOf({ members }: Fleet): Promise<readonly Vitals[]> {
  return Promise.all(members.map(vitalsOfOne));
}

async function vitalsOfOne({ workerId, url }: Member): Promise<Vitals> {
  const client = url === null ? null : new Client([url], 2);
  try {
    const health = await client?.get<unknown>('/health');
    const metrics = await metricsOf(client);
    return {
      workerId,
      startedAt: metrics === null ? null : sumOf(metrics, 'process_start_time_seconds'),
      rssMb: metrics === null ? null : sumOf(metrics, 'process_resident_memory_bytes') / 1e6,
      healthy: health?.status === 200 && metrics !== null,
      errors: metrics === null ? NO_ERRORS : errorsIn(metrics),
    };
  } finally {
    await client?.close();
  }
}

/** @throws Error where a counter has another name than this knows: it would be 0 for ever */
function errorsIn(metrics: Metrics): Errors {
  const dead = sumOf(metrics, 'signalbox_deliveries_settled_total', ({ status }) => status === 'dead');
  const deadOfStreams = metrics.some(({ name }) => name === 'stream_dead_letter_total') ? sumOf(metrics, 'stream_dead_letter_total') : 0;
  return {
    http5xx: sumOf(metrics, 'signalbox_http_requests_total', ({ status }) => Number(status) >= 500),
    deadLetters: dead + deadOfStreams,
    trouble: sumOf(metrics, 'signalbox_trouble_total'),
  };
}

type Labels = Readonly<Record<string, unknown>>;

function sumOf(metrics: Metrics, name: string, such: (labels: Labels) => boolean = () => true): number {
  const metric = metrics.find((one) => one.name === name);
  if (metric === undefined) throw new Error(`no process counts ${name}`);
  return metric.values.filter(({ labels }) => such(labels)).reduce((sum, { value }) => sum + value, 0);
}
