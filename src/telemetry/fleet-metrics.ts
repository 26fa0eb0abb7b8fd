import { Counter, Gauge, type Registry } from 'prom-client';
import type { SeenMember } from '../ports/fleet.js';

/** What is known of the fleet, asked at each scrape. */
export interface FleetSources {
  /** Those alive. While nobody answers, there is no value. */
  readonly members: () => Promise<readonly SeenMember[]>;
  /** Those who fell silent without a word. While nobody answers, there is no value. Every scrape asks the registry: where there are
      many processes, few of them tell it. */
  readonly lost?: () => Promise<readonly SeenMember[]>;
  /** How often this process died and was started again. */
  readonly restarts: number;
}

/** Whoever shows it shows the whole fleet: of these gauges take one, not the sum. */
export function fleetMetrics(registry: Registry, { members, lost, restarts }: FleetSources): void {
  new Gauge({
    name: 'signalbox_fleet_members',
    help: 'Processes of the fleet that live, by role; one with several roles counts in each.',
    labelNames: ['role', 'state'],
    registers: [registry],
    async collect() {
      const alive = await members().catch(() => []);
      this.reset();
      for (const { roles, state } of alive) for (const role of roles) this.inc({ role, state });
    },
  });
  if (lost !== undefined) lostGauge(registry, lost);
  const restarted = new Counter({
    name: 'worker_restarts_total',
    help: 'How often this process died and was started again, as told by whoever starts it.',
    registers: [registry],
  });
  restarted.inc(restarts);
}

function lostGauge(registry: Registry, lost: () => Promise<readonly SeenMember[]>): void {
  new Gauge({
    name: 'signalbox_fleet_lost',
    help: 'Processes that fell silent without leaving in order, within the last hour, and that nobody has replaced: 1 for each.',
    labelNames: ['role', 'member'],
    registers: [registry],
    async collect() {
      const silent = await lost().catch(() => []);
      this.reset();
      for (const { roles, workerId } of silent) for (const role of roles) this.set({ role, member: workerId }, 1);
    },
  });
}
