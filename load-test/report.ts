import { chart, checksTable, header, renderPage, summariesTable, table } from './page-frame.js';
import { baselineRows, fleetRows, per } from './print.js';
import type { HistoryEntry, Result } from './result.js';

/** How much of the history the trend shows. */
const TREND_RUNS = 200;

/** The report of a run as one HTML file. */
export function renderReport(result: Result, history: readonly HistoryEntry[]): Promise<string> {
  const { seconds, histogram, looks } = result;
  return renderPage({
    at: result.at,
    header: headerOf(result),
    tables: [
      checksTable(result.checks),
      countsTable(result),
      latencyTable(result),
      baselinesTable(result),
      fleetTable(result),
      violations(result),
    ],
    charts: [
      chart('latency', 'Latency by the second of the intended send time, ms'),
      chart('histogram', 'Latency, notifications per class, ms'),
      chart('backlog', 'Backlog: records not at rest, wake-ups waiting and taken'),
      chart('rates', 'Offered, accepted, delivered and errors, per second'),
      chart('server', 'All processes: CPU in percent of one core, memory in MiB'),
      chart('trend', 'Trend over the history: p99 in ms and delivered per second, by run'),
    ],
    data: { seconds, histogram, looks, trend: history.slice(-TREND_RUNS).map(trendPoint) },
    script: new URL('./page.mjs', import.meta.url),
  });
}

function trendPoint({ at, load, figures, passed }: HistoryEntry) {
  return { at: Date.parse(at), rate: load.rate, p99: figures.latency.p99, delivered: figures.deliveredPerSecond, passed };
}

function headerOf(result: Result): string {
  const { at, node, machine, target, load } = result;
  const { rate, duration, users, channels, arrivals } = load;
  return header(result, [
    `${rate} /s for ${duration} s, ${arrivals} arrivals, ${users} users, by ${channels.join(', ')}`,
    `${target.url}${target.own ? ', a server of its own' : ''} (${target.kind}, ${target.apis} API, ${target.workers} workers); received by ${target.receiver}`,
    `${at} · Node ${node} · ${machine}`,
  ]);
}

function latencyTable({ figures }: Result): string {
  return summariesTable('Latency and its stages, ms', [['intended → delivered', figures.latency], ...Object.entries(figures.stages)]);
}

function countsTable({ figures }: Result): string {
  const { balance, repeats } = figures;
  const errors = Object.entries(figures.errors).map(([kind, count]) => [`gone wrong: ${kind}`, String(count), '']);
  return table(
    'Counts',
    ['', 'number', 'per second'],
    [
      ['offered', String(figures.offered), per(figures.offeredPerSecond)],
      ['accepted', String(figures.accepted), per(figures.acceptedPerSecond)],
      ['delivered', String(figures.delivered), per(figures.deliveredPerSecond)],
      ...errors,
      ['repeats under a used key', String(repeats.sent), ''],
      ['  answered with the same id', String(repeats.recognised), ''],
      ['raw repeats at the receiver', String(balance.absorbed), ''],
      ['duplicates', String(figures.duplicates), ''],
      ['lost', String(figures.lost), ''],
      ['dead, held, skipped, expired, cancelled', String(balance.accepted - balance.delivered - balance.open), ''],
      ['open at rest', String(balance.open), ''],
    ],
  );
}

function baselinesTable({ baselines, figures }: Result): string {
  if (baselines === null) return '';
  const [head = [], ...rows] = baselineRows(baselines, figures);
  return table('Baselines of the same run', ['', ...head.slice(1)], rows);
}

function fleetTable({ fleet }: Result): string {
  const [head = [], ...rows] = fleetRows(fleet);
  const { queueDepth, connections } = fleet;
  const together = [`at most ${queueDepth ?? '-'} wake-ups waiting`, '', '', '', String(connections), ''];
  return table('What each process used', head, [...rows, together]);
}

function violations({ shownViolations }: Result): string {
  if (shownViolations.length === 0) return '';
  const rows = shownViolations.map(({ kind, subject, detail }) => [kind, subject, detail]);
  return table('Violations', ['kind', 'what', 'why'], rows);
}
