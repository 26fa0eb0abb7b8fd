import type { ScriptState } from './behaviour.js';
import type { Arrival, Listing, SinkEffect } from './sink.js';

/** Rows of each table that the page shows. */
const ROWS = 100;

const STYLE = `
  body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c2430; background: #fbfbf9 }
  h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
  table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dcdcd4; vertical-align: top }
  th { font-weight: 600; white-space: nowrap } td.id, code { font-family: ui-monospace, monospace; font-size: .85em; word-break: break-all }
  .bad { color: #a11212 } .none { color: #6a7280 }
  @media (prefers-color-scheme: dark) { body { color: #e4e6ea; background: #16181d } th, td { border-color: #33373f } .bad { color: #ff8a80 } .none { color: #9aa1ab } }
`;

/** The sink as a page: no script, nothing loaded from anywhere, every value escaped; reloads itself every two seconds. */
export function sinkPage(listing: Listing, scripts: readonly ScriptState[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="2"><meta name="viewport" content="width=device-width"><title>Signalbox sink</title><style>${STYLE}</style></head>
<body>
<h1>What arrived</h1>
<p>The development receiver takes every e-mail, SMS, push notification and webhook and sends nothing on. The same as JSON: <code>GET /sink/deliveries</code>. Clear: <code>DELETE /sink</code>. Script failures: <code>PUT /sink/behaviour</code>.</p>
${countersTable(listing)}
<h2>Effects</h2>
${effectsTable(listing.effects.slice(0, ROWS))}
<h2>Raw arrivals</h2>
${arrivalsTable(listing.arrivals.slice(0, ROWS))}
<h2>Scripted behaviour</h2>
${scripts.length === 0 ? none('Everything is answered well.') : `<pre>${escapeHtml(JSON.stringify(scripts, null, 2))}</pre>`}
</body>
</html>
`;
}

function countersTable({ counters }: Listing): string {
  const rows = Object.entries(counters).map(([channel, c]) =>
    row([channel, c.arrivals, c.effects, c.duplicates, c.refused, c.invalidSignatures].map((value) => cell(value))),
  );
  return table(['Channel', 'Arrivals', 'Effects', 'Duplicates', 'Refused', 'Invalid signatures'], rows);
}

function effectsTable(effects: readonly SinkEffect[]): string {
  if (effects.length === 0) return none('Nothing yet.');
  const rows = effects.map((effect) =>
    row([
      cell(effect.receivedAt),
      cell(effect.channel),
      cell(effect.target),
      cell(effect.subject ?? ''),
      cell(effect.excerpt),
      cell(effect.duplicates, effect.duplicates > 0 ? 'bad' : ''),
      cell(effect.operationId ?? '', 'id'),
      cell(effect.requestId ?? '', 'id'),
    ]),
  );
  return table(['First received', 'Channel', 'To', 'Subject', 'Body', 'Duplicates', 'Operation', 'Request'], rows);
}

function arrivalsTable(arrivals: readonly Arrival[]): string {
  if (arrivals.length === 0) return none('Nothing yet.');
  const rows = arrivals.map((arrival) =>
    row([
      cell(arrival.seq),
      cell(arrival.receivedAt),
      cell(arrival.channel),
      cell(arrival.target),
      cell(arrival.answer, arrival.taken ? '' : 'bad'),
      cell(arrival.signature, arrival.signature === 'invalid' ? 'bad' : ''),
      cell(arrival.operationId ?? '', 'id'),
    ]),
  );
  return table(['#', 'Received', 'Channel', 'To', 'Answer', 'Signature', 'Operation'], rows);
}

function table(heads: readonly string[], rows: readonly string[]): string {
  return `<table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.join('')}</tr>`;
}

function cell(value: string | number, kind = ''): string {
  return `<td${kind === '' ? '' : ` class="${kind}"`}>${escapeHtml(String(value))}</td>`;
}

function none(text: string): string {
  return `<p class="none">${text}</p>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
