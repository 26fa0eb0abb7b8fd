import type { Check, Figures } from './result.js';

/** The objectives of the checklists: latency from the intended send time to the arrival, milliseconds. */
const LIMITS = { avg: 200, p95: 300, p99: 500 } as const;
/** Of what was offered, a second. */
const RATE_SHARE = 0.95;
const ERROR_RATE = 0.01;

/** Every objective beside what was measured. @param rate what was asked for, a second */
export function checksOf(figures: Figures, rate: number): readonly Check[] {
  // Random gaps offer a little more or less than was asked for.
  const least = RATE_SHARE * Math.min(rate, figures.offeredPerSecond);
  const none = (name: string, value: number): Check => ({ name, unit: 'number', value, limit: '0', met: value === 0 });
  const fast = (name: string, value: number, limit: number): Check => ({
    name,
    unit: 'ms',
    value,
    limit: `< ${limit} ms`,
    met: value < limit,
  });
  const enough = (name: string, value: number): Check => ({
    name,
    unit: '/s',
    value,
    limit: `≥ ${least.toFixed(1)} /s`,
    met: value >= least,
  });
  const { errorRate } = figures;
  const violations = Object.values(figures.violations).reduce((sum, count) => sum + count, 0);
  return [
    enough('accepted per second', figures.acceptedPerSecond),
    enough('delivered per second', figures.deliveredPerSecond),
    fast('latency average', figures.latency.avg, LIMITS.avg),
    fast('latency p95', figures.latency.p95, LIMITS.p95),
    fast('latency p99', figures.latency.p99, LIMITS.p99),
    none('duplicates', figures.duplicates),
    none('lost', figures.lost),
    none('ledger violations', violations),
    none('repeats not recognised', figures.repeats.sent - figures.repeats.recognised),
    { name: 'error rate', unit: 'share', value: errorRate, limit: `< ${ERROR_RATE * 100} %`, met: errorRate < ERROR_RATE },
  ];
}
