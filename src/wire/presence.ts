import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { Fleet, FleetMember, SeenMember } from '../ports/fleet.js';
import { createPresence, type Presence } from '../runtime/presence.js';
import type { Log } from '../telemetry/log.js';
import type { WorkCounts } from '../telemetry/work-counts.js';
import type { Backends } from './backends.js';

interface PresenceParts {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly backends: Pick<Backends, 'fleet' | 'connections' | 'share'>;
  readonly counts: WorkCounts;
  readonly holds: () => number;
  /** Looked at with every beat. */
  readonly life: { readonly port: number | null; readonly draining: boolean };
}

/** This process in the registry, and how many take from the queue by what it last saw there. */
export function presenceOf(parts: PresenceParts): { readonly presence: Presence; readonly consumers: () => number } {
  const { config, version, log, clock, timers, backends, counts, holds, life } = parts;
  const self = {
    workerId: config.workerId,
    incarnation: randomUUID(),
    roles: [...config.roles],
    host: hostname(),
    pid: process.pid,
    version,
  };
  const startedAt = clock.now();
  const member = (): FleetMember => ({
    ...self,
    port: life.port,
    startedAt,
    state: life.draining ? 'draining' : 'running',
    holds: holds(),
    processed: counts.processed,
    failed: counts.failed,
    connections: backends.connections().open,
  });
  const { fleet, consumers } = counting(backends.fleet);
  const presence = createPresence({
    fleet,
    member,
    timers,
    clock,
    onSize(processes) {
      log.info({ processes }, 'the fleet has changed');
      backends.share(processes);
    },
    onTrouble: (error) => log.warn({ err: error }, 'the registry of the fleet did not answer'),
  });
  return { presence, consumers };
}

/** The registry, and how many took from the queue when it was last read. */
function counting(fleet: Fleet): { readonly fleet: Fleet; readonly consumers: () => number } {
  let workers = 0;
  const members = async (): Promise<readonly SeenMember[]> => {
    const alive = await fleet.members();
    workers = alive.filter(({ roles, state }) => roles.includes('worker') && state === 'running').length;
    return alive;
  };
  return {
    fleet: {
      beat: (member, livesMs) => fleet.beat(member, livesMs),
      leave: (id, incarnation) => fleet.leave(id, incarnation),
      members,
      lost: () => fleet.lost(),
    },
    consumers: () => workers,
  };
}
