import { chart, checksTable, header, renderPage, summariesTable, table } from '../page-frame.js';
import { fleetRows } from '../print.js';
import { countRows, latenciesOf } from './print.js';
import type { MessageEntry, MessageResult } from './result.js';

/** How much of the history the trend shows. */
const TREND_RUNS = 200;

/** The report of a run as one HTML file. */
export function renderMessageReport(result: MessageResult, history: readonly MessageEntry[]): Promise<string> {
  const { at, figures, fleet, checks, seconds, histogram, looks, log } = result;
  const [head = [], ...rows] = fleetRows(fleet, 'stored');
  return renderPage({
    at,
    header: headerOf(result),
    tables: [
      checksTable(checks),
      table('Counts', ['', 'number', 'per second'], countRows(figures)),
      summariesTable('Latency, ms', latenciesOf(figures)),
      table('What each process used', head, rows),
      examplesTable(result),
    ],
    charts: [
      chart('latency', 'p95 by the second of the intended send time, ms: the answer, and accepted to stored'),
      chart('histogram', 'Accepted to stored, messages per class, ms'),
      chart('log', 'The log: not handed out (all partitions), the most of one partition, in hand, parked'),
      chart('rates', 'Offered, accepted, stored and errors, per second'),
      chart('server', 'All processes: CPU in percent of one core, memory in MiB'),
      chart('trend', 'Trend over the history: p95 in ms and enqueued per second, by run'),
    ],
    data: { seconds, histogram, looks, log, trend: history.slice(-TREND_RUNS).map(trendPoint) },
    script: new URL('./page.mjs', import.meta.url),
  });
}

function trendPoint({ at, load, figures, passed }: MessageEntry) {
  const { http, stored, enqueuedPerSecond } = figures;
  const rate = Math.max(...load.phases.map((phase) => phase.rate));
  return { at: Date.parse(at), rate, httpP95: http.p95, storedP95: stored.p95, enqueued: enqueuedPerSecond, passed };
}

function headerOf(result: MessageResult): string {
  const { at, node, machine, target, load } = result;
  const phases = load.phases.map(({ rate, durationS }) => `${rate} /s for ${durationS} s`).join(', then ');
  return header(result, [
    `${phases} to ${load.path}, ${load.conversations} conversations, ${load.duplicatesPercent} % sent twice`,
    `${target.url}${target.own ? ', a server of its own' : ''} (${target.kind}, ${target.apis} API, ${target.workers} workers)`,
    `${at} · Node ${node} · ${machine}`,
  ]);
}

function examplesTable({ examples }: MessageResult): string {
  const rows = Object.entries(examples).flatMap(([kind, some]) => some.map((one) => [kind, one]));
  return rows.length === 0 ? '' : table('Some of what is wrong', ['kind', 'message'], rows);
}
