import type { Baselines } from './baselines.js';
import type { Check, FleetUse, Result } from './result.js';
import type { Summary } from './stats.js';

/** Milliseconds with as many digits as mean something. */
export function ms(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value < 10 ? value.toFixed(1) : Math.round(value).toString();
}

export function per(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value < 100 ? value.toFixed(2) : Math.round(value).toString();
}

/** What an objective is about, in its unit. */
export function shown(unit: Check['unit'], value: number): string {
  switch (unit) {
    case '/s':
      return `${per(value)} /s`;
    case 'ms':
      return `${ms(value)} ms`;
    case 'share':
      return `${(value * 100).toFixed(2)} %`;
    case '%':
      return `${value.toFixed(1)} %`;
    case 'MB':
      return `${Math.round(value)} MB`;
    case 'number':
      return String(value);
  }
}

/** Rows of equal columns; the first to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, place) => Math.max(...rows.map((row) => row[place]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, place) => (place === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[place] ?? 0))).join('  '))
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}

/** Distributions side by side: a head and a row for each. */
export function summaryRows(named: readonly (readonly [string, Summary])[]): readonly (readonly string[])[] {
  return [
    ['milliseconds', 'avg', 'p50', 'p95', 'p99', 'max', 'of'],
    ...named.map(([name, { avg, p50, p95, p99, max, count }]) => [name, ms(avg), ms(p50), ms(p95), ms(p99), ms(max), String(count)]),
  ];
}

/** A share or a multiple, whichever reads better. */
function ratio(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value < 1 ? `${(value * 100).toFixed(1)} %` : `${value.toFixed(1)} ×`;
}

export function baselineRows(baselines: Baselines, figures: Result['figures']): readonly (readonly string[])[] {
  const { sqlitePerSecond, commitsPerSecond, receiverPerSecond, receiverLatency } = baselines;
  const { deliveredPerSecond, latency } = figures;
  const sqlite =
    sqlitePerSecond === null || commitsPerSecond === null
      ? []
      : [
          [
            'bare SQLite, same rows, group commit: items/s',
            per(sqlitePerSecond),
            per(deliveredPerSecond),
            ratio(deliveredPerSecond / sqlitePerSecond),
          ],
          ['  its commits/s, an fsync each', per(commitsPerSecond), '', ''],
        ];
  return [
    ['beside what this machine can do at most', 'baseline', 'this run', 'ratio'],
    ...sqlite,
    [
      'bare receiver, bare client: requests/s',
      per(receiverPerSecond),
      per(deliveredPerSecond),
      ratio(deliveredPerSecond / receiverPerSecond),
    ],
    ['  its p99, ms', ms(receiverLatency.p99), ms(latency.p99), ratio(latency.p99 / receiverLatency.p99)],
  ];
}

/** What each process used: a head and a row for each. `done`: what `delivered` counts. */
export function fleetRows({ members }: FleetUse, done = 'delivered'): readonly (readonly string[])[] {
  const shownOr = (value: number | null, show: (value: number) => string): string => (value === null ? '-' : show(value));
  return [
    ['process', 'CPU %', 'most MB', done, 'connections', 'roles'],
    ...members.map(({ workerId, roles, cpuPercent, memoryMb, delivered, connections }) => [
      workerId,
      shownOr(cpuPercent, (value) => value.toFixed(1)),
      shownOr(memoryMb, (value) => Math.round(value).toString()),
      shownOr(delivered, String),
      shownOr(connections, String),
      roles.join(' '),
    ]),
  ];
}

function fleetLine({ queueDepth, connections }: FleetUse): string {
  return `  all together: at most ${queueDepth ?? '-'} wake-ups waiting, at most ${connections} connections to the store`;
}

export function verdictRows(checks: readonly Check[]): string {
  return columns(checks.map(({ name, unit, value, limit, met }) => [met ? 'met' : 'MISSED', name.padEnd(24), shown(unit, value), limit]));
}

/** The run for a person to read. */
export function print(result: Result): string {
  const { figures, baselines, checks, shownViolations } = result;
  const errors = Object.entries(figures.errors).map(([kind, count]) => `${count} × ${kind}`);
  const states = ['skipped', 'expired', 'cancelled', 'dead', 'held', 'open'] as const;
  const others = states.filter((state) => figures.balance[state] > 0).map((state) => `${figures.balance[state]} ${state}`);
  const counts = [
    ['offered', String(figures.offered), `${per(figures.offeredPerSecond)} /s`],
    ['accepted', String(figures.accepted), `${per(figures.acceptedPerSecond)} /s`],
    ['delivered', String(figures.delivered), `${per(figures.deliveredPerSecond)} /s`],
    ['requests gone wrong', String(figures.offered - figures.accepted), errors.join(', ')],
    ['at rest otherwise', String(figures.balance.accepted - figures.balance.delivered), others.join(', ')],
    ['repeats under a used key', String(figures.repeats.sent), `${figures.repeats.recognised} answered with the same id`],
    ['duplicates', String(figures.duplicates), `${figures.balance.absorbed} of them absorbed by the receiver`],
    ['lost', String(figures.lost), ''],
  ];
  return [
    columns(counts),
    '',
    columns(summaryRows([['intended → delivered', figures.latency], ...Object.entries(figures.stages)])),
    ...(baselines === null ? [] : ['', columns(baselineRows(baselines, figures))]),
    '',
    columns(fleetRows(result.fleet)),
    fleetLine(result.fleet),
    '',
    verdictRows(checks),
    ...shownViolations.map(({ kind, subject, detail }) => `  ${kind} ${subject}: ${detail}`),
    '',
    result.passed ? 'PASSED' : 'FAILED',
  ].join('\n');
}
