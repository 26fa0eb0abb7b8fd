import { createSystemClock } from '../adapters/system/system-clock.js';
import type { Config } from '../config.js';
import type { HealthDeps } from '../ingress/health.js';
import type { Timers } from '../ports/clock.js';
import type { Presence } from '../runtime/presence.js';
import type { DevelopmentSink } from '../sink/development.js';
import type { Log } from '../telemetry/log.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { WorkCounts } from '../telemetry/work-counts.js';
import type { Backends } from './backends.js';

/** What the HTTP side of every process is made of, whatever its roles. */
export interface ProcessParts extends Backends {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  readonly timers: Timers;
  readonly metrics: Metrics;
  readonly counts: WorkCounts;
  readonly presence: Presence;
  readonly sink: DevelopmentSink | null;
  readonly draining: () => boolean;
  /** Processes that take from the queue. */
  readonly consumers: () => number;
}

/** How this process is, for whoever asks. */
export function healthOf(parts: ProcessParts): HealthDeps {
  const { config, version, kind, reader, queue, probes, connections, consumers, timers, metrics, draining } = parts;
  const { workerId: worker, metricsToken } = config;
  const service = { name: 'signalbox', version };
  const clock = createSystemClock();
  return { service, worker, kind, reader, queue, probes, clock, timers, connections, consumers, draining, metrics, metricsToken };
}
