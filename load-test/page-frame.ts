import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { shown, summaryRows } from './print.js';
import type { Check } from './result.js';
import type { Summary } from './stats.js';

interface Page {
  /** A time: when the run was. */
  readonly at: string;
  readonly header: string;
  readonly tables: readonly string[];
  readonly charts: readonly string[];
  /** For the script. */
  readonly data: object;
  /** What draws the charts; bundled with uPlot into the page. */
  readonly script: URL;
}

/** A report as one HTML file that needs nothing else: no network, no file beside it. The tables are there without its script. */
export async function renderPage({ at, header, tables, charts, data, script: entry }: Page): Promise<string> {
  const [script, style] = await Promise.all([
    bundle(entry),
    readFile(fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css')), 'utf8'),
  ]);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>Load test ${text(at)}</title>
<style>${style}${STYLE}</style>
</head>
<body>
${header}
<section class="tables">
${tables.join('\n')}
</section>
<section class="charts">
${charts.join('\n')}
</section>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

async function bundle(entry: URL): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(entry)],
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

/** Said by somebody, not written by us. */
function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Verdict, command and a few lines about the run. */
export function header({ passed, command }: { readonly passed: boolean; readonly command: string }, lines: readonly string[]): string {
  return `<header>
<h1>Load test <span class="${passed ? 'met' : 'missed'}">${passed ? 'passed' : 'failed'}</span></h1>
<p><code>${text(command)}</code></p>
<p>${lines.map(text).join('<br>\n')}</p>
</header>`;
}

export function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string => row.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<table><caption>${text(caption)}</caption><thead><tr>${cells('th', head)}</tr></thead><tbody>${body}</tbody></table>`;
}

export function summariesTable(caption: string, named: readonly (readonly [string, Summary])[]): string {
  const [head = [], ...rows] = summaryRows(named);
  return table(caption, ['', ...head.slice(1)], rows);
}

/** The place of a chart: the script draws it by its id. */
export function chart(id: string, title: string): string {
  return `<figure><figcaption>${text(title)}</figcaption><div id="${id}"></div></figure>`;
}

export function checksTable(checks: readonly Check[]): string {
  const rows = checks.map(({ name, unit, value, limit, met }) => {
    const cells = [name, shown(unit, value), limit, met ? 'met' : 'MISSED'].map((cell) => `<td>${text(cell)}</td>`);
    return `<tr class="${met ? 'met' : 'missed'}">${cells.join('')}</tr>`;
  });
  const head = '<tr><th>objective</th><th>measured</th><th>limit</th><th></th></tr>';
  return `<table><caption>Objectives</caption><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table>`;
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
