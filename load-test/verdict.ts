import type { Check, Figures, FleetUse } from './result.js';

/** Latency from the intended send time to the arrival, milliseconds: well within the 200, 300 and 500 of the checklists. */
const LIMITS = { avg: 100, p95: 150, p99: 300 } as const;
/** Of what was offered, a second: 11.5 of 12. */
const RATE_SHARE = 11.5 / 12;
/** Of a fleet: CPU of a worker in percent of one core, its memory in MB, connections to the store and wake-ups waiting of all. */
const FLEET_LIMITS = { cpuPercent: 70, memoryMb: 256, connections: 50, queueDepth: 10_000 } as const;

/** Every objective beside what was measured. @param rate what was asked for, a second */
export function checksOf(figures: Figures, rate: number, fleet: FleetUse): readonly Check[] {
  // Random gaps offer a little more or less than was asked for.
  const least = RATE_SHARE * Math.min(rate, figures.offeredPerSecond);
  const enough = (name: string, value: number): Check => ({
    name,
    unit: '/s',
    value,
    limit: `≥ ${least.toFixed(1)} /s`,
    met: value >= least,
  });
  const violations = Object.values(figures.violations).reduce((sum, count) => sum + count, 0);
  return [
    enough('accepted per second', figures.acceptedPerSecond),
    enough('delivered per second', figures.deliveredPerSecond),
    below('latency average', 'ms', figures.latency.avg, LIMITS.avg),
    below('latency p95', 'ms', figures.latency.p95, LIMITS.p95),
    below('latency p99', 'ms', figures.latency.p99, LIMITS.p99),
    none('duplicates', figures.duplicates),
    none('lost', figures.lost),
    none('ledger violations', violations),
    none('repeats not recognised', figures.repeats.sent - figures.repeats.recognised),
    { name: 'error rate', unit: 'share', value: figures.errorRate, limit: '0 %', met: figures.errorRate === 0 },
    ...(fleet.kind === 'cluster' ? fleetChecks(fleet) : []),
  ];
}

export function none(name: string, value: number): Check {
  return { name, unit: 'number', value, limit: '0', met: value === 0 };
}

export function below(name: string, unit: Check['unit'], value: number, limit: number): Check {
  return { name, unit, value, limit: `< ${limit}${unit === 'number' ? '' : ` ${unit}`}`, met: value < limit };
}

/** What no process told of is no check. */
function fleetChecks({ members, connections, queueDepth }: FleetUse): readonly Check[] {
  const workers = members.filter(({ roles }) => roles.includes('worker'));
  const told = members.some((member) => member.connections !== null);
  const most = (figures: readonly (number | null)[]): number | null => {
    const known = figures.filter((figure) => figure !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  const atMost = (name: string, unit: Check['unit'], value: number | null, limit: number): readonly Check[] =>
    value === null ? [] : [below(name, unit, value, limit)];
  return [
    ...atMost('CPU of a worker', '%', most(workers.map(({ cpuPercent }) => cpuPercent)), FLEET_LIMITS.cpuPercent),
    ...atMost('memory of a worker', 'MB', most(workers.map(({ memoryMb }) => memoryMb)), FLEET_LIMITS.memoryMb),
    ...atMost('connections to the store', 'number', told ? connections : null, FLEET_LIMITS.connections),
    ...atMost('queue depth', 'number', queueDepth, FLEET_LIMITS.queueDepth),
  ];
}
