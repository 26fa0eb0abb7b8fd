import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { baselineRows, fleetRows, ms, per, shown } from './print.js';
import type { HistoryEntry, Result } from './result.js';

/** How much of the history the trend shows. */
const TREND_RUNS = 200;

/**
 * The report as one HTML file that needs nothing else: no network, no file beside it. The charts are drawn by
 * `page.mjs`, which is bundled with uPlot into the page; the tables are there without it.
 */
export async function renderReport(result: Result, history: readonly HistoryEntry[]): Promise<string> {
  const [script, style] = await Promise.all([bundle(), readFile(fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css')), 'utf8')]);
  const { seconds, histogram, looks } = result;
  const data = { seconds, histogram, looks, limits: { p95: 150, p99: 300 }, trend: history.slice(-TREND_RUNS).map(trendPoint) };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>Load test ${text(result.at)}</title>
<style>${style}${STYLE}</style>
</head>
<body>
${header(result)}
<section class="tables">
${checksTable(result)}
${countsTable(result)}
${latencyTable(result)}
${baselinesTable(result)}
${fleetTable(result)}
${violations(result)}
</section>
<section class="charts">
${chart('latency', 'Latency by the second of the intended send time, ms')}
${chart('histogram', 'Latency, notifications per class, ms')}
${chart('backlog', 'Backlog: records not at rest, wake-ups waiting and taken')}
${chart('rates', 'Offered, accepted, delivered and errors, per second')}
${chart('server', 'All processes: CPU in percent of one core, memory in MiB')}
${chart('trend', 'Trend over the history: p99 in ms and delivered per second, by run')}
</section>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./page.mjs', import.meta.url))],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2022',
    legalComments: 'inline',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

function trendPoint({ at, load, figures, passed }: HistoryEntry) {
  return { at: Date.parse(at), rate: load.rate, p99: figures.latency.p99, delivered: figures.deliveredPerSecond, passed };
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string => row.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<table><caption>${text(caption)}</caption><thead><tr>${cells('th', head)}</tr></thead><tbody>${body}</tbody></table>`;
}

function chart(id: string, title: string): string {
  return `<figure><figcaption>${text(title)}</figcaption><div id="${id}"></div></figure>`;
}

function header({ passed, at, command, node, machine, target, load }: Result): string {
  const { rate, duration, users, channels, arrivals } = load;
  return `<header>
<h1>Load test <span class="${passed ? 'met' : 'missed'}">${passed ? 'passed' : 'failed'}</span></h1>
<p><code>${text(command)}</code></p>
<p>${text(`${rate} /s for ${duration} s, ${arrivals} arrivals, ${users} users, by ${channels.join(', ')}`)}<br>
${text(`${target.url}${target.own ? ', a server of its own' : ''} (${target.kind}, ${target.apis} API, ${target.workers} workers); received by ${target.receiver}`)}<br>
${text(`${at} · Node ${node} · ${machine}`)}</p>
</header>`;
}

function checksTable({ checks }: Result): string {
  const rows = checks.map(({ name, unit, value, limit, met }) => {
    const cells = [name, shown(unit, value), limit, met ? 'met' : 'MISSED'].map((cell) => `<td>${text(cell)}</td>`);
    return `<tr class="${met ? 'met' : 'missed'}">${cells.join('')}</tr>`;
  });
  const head = '<tr><th>objective</th><th>measured</th><th>limit</th><th></th></tr>';
  return `<table><caption>Objectives</caption><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function latencyTable({ figures }: Result): string {
  const named = [['intended → delivered', figures.latency] as const, ...Object.entries(figures.stages)];
  const rows = named.map(([name, { avg, p50, p95, p99, max, count }]) => [
    name,
    ms(avg),
    ms(p50),
    ms(p95),
    ms(p99),
    ms(max),
    String(count),
  ]);
  return table('Latency and its stages, ms', ['', 'avg', 'p50', 'p95', 'p99', 'max', 'of'], rows);
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

const STYLE = `
body { font: 14px/1.45 system-ui, sans-serif; color: #1c2430; background: #f5f6f8; margin: 0 auto; padding: 1.5rem; max-width: 1240px; }
h1 { font-size: 1.5rem; margin: 0; } header p { margin: .4rem 0; color: #4a5564; } code { color: #1c2430; }
h1 span { font-size: 1rem; padding: .15rem .6rem; border-radius: 1rem; color: #fff; vertical-align: middle; }
h1 .met { background: #1a7f4b; } h1 .missed { background: #c0392b; }
.tables, .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); gap: 1rem; margin: 1rem 0; align-items: start; }
.tables table, figure { background: #fff; border: 1px solid #dfe3e8; border-radius: 6px; padding: .75rem; margin: 0; box-sizing: border-box; }
.tables table { border-collapse: separate; border-spacing: 0; width: 100%; } caption, figcaption { text-align: left; font-weight: 600; padding: 0 0 .4rem; }
.tables th { text-align: right; font-weight: 500; color: #6b7685; }
.tables td { text-align: right; font-variant-numeric: tabular-nums; padding: .12rem .25rem; white-space: pre-wrap; }
.tables td:first-child, .tables th:first-child { text-align: left; } .tables tbody tr:nth-child(odd) { background: #f8f9fb; }
tr.missed td { color: #c0392b; font-weight: 600; } tr.met td:last-child { color: #1a7f4b; }
figure { overflow: hidden; min-width: 0; } .uplot { font-family: inherit; } .none { color: #6b7685; padding: 2rem 0; }
`;
