/** Draws the charts of a report of messages, in the browser. Bundled into the page by report.ts. */
import { COLOURS, data, draw, drawHistogram, drawTrend, finish, line } from '../draw.mjs';

const { seconds, histogram, looks, log, trend } = data;
const at = seconds.map((_second, index) => index);
const column = (name) => seconds.map((second) => second[name]);
const ofLog = (name) => log.map((look) => look[name]);

draw(
  'latency',
  [line('HTTP p95', COLOURS.blue), line('accepted → stored p95', COLOURS.orange)],
  [at, column('httpP95'), column('storedP95')],
);

drawHistogram('histogram', 'messages', histogram);

draw(
  'log',
  [
    line('not handed out', COLOURS.blue),
    line('of one partition', COLOURS.red),
    line('in hand', COLOURS.violet),
    line('parked', COLOURS.orange),
  ],
  [ofLog('at'), ofLog('waiting'), ofLog('lag'), ofLog('pending'), ofLog('parked')],
);

draw(
  'rates',
  [
    line('offered', COLOURS.grey, { dash: [6, 4] }),
    line('accepted', COLOURS.blue),
    line('stored', COLOURS.green),
    line('errors', COLOURS.red),
  ],
  [at, column('offered'), column('accepted'), column('stored'), column('errors')],
);

draw(
  'server',
  [line('CPU %', COLOURS.orange), line('memory MiB', COLOURS.violet)],
  [looks.map((look) => look.at), looks.map((look) => look.cpuPercent), looks.map((look) => look.rssMiB)],
);

drawTrend('trend', trend, [
  ['HTTP p95 ms', COLOURS.blue, (run) => run.httpP95],
  ['stored p95 ms', COLOURS.orange, (run) => run.storedP95],
  ['rate asked for', COLOURS.grey, (run) => run.rate, { dash: [6, 4] }],
  ['enqueued /s', COLOURS.green, (run) => run.enqueued],
]);

finish();
