import { Counter, Gauge, type Registry } from 'prom-client';
import type { SeenMember } from '../ports/fleet.js';

/** What is known of the fleet, asked at each scrape. */
export interface FleetSources {
  /** Those alive. While nobody answers, there is no value. */
  readonly members: () => Promise<readonly SeenMember[]>;
  /** How often this process died and was started again. */
  readonly restarts: number;
}

/** Every process shows the whole fleet: of these gauges take one, not the sum. */
export function fleetMetrics(registry: Registry, { members, restarts }: FleetSources): void {
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
  const restarted = new Counter({
    name: 'worker_restarts_total',
    help: 'How often this process died and was started again, as told by whoever starts it.',
    registers: [registry],
  });
  restarted.inc(restarts);
}
