/** Draws the report's charts, in the browser. Bundled into the page by report.ts. */
import { COLOURS, data, draw, drawHistogram, drawTrend, finish, line } from './draw.mjs';

const { seconds, histogram, looks, trend } = data;
const at = seconds.map((_second, index) => index);
const column = (name) => seconds.map((second) => second[name]);

draw(
  'latency',
  [line('p50', COLOURS.green), line('p95', COLOURS.orange), line('p99', COLOURS.red)],
  [at, column('p50'), column('p95'), column('p99')],
);

drawHistogram('histogram', 'notifications', histogram);

draw(
  'backlog',
  [line('not at rest', COLOURS.blue), line('waiting', COLOURS.orange), line('taken', COLOURS.violet)],
  [looks.map((look) => look.at), looks.map((look) => look.open), looks.map((look) => look.waiting), looks.map((look) => look.taken)],
);

draw(
  'rates',
  [
    line('offered', COLOURS.grey, { dash: [6, 4] }),
    line('accepted', COLOURS.blue),
    line('delivered', COLOURS.green),
    line('errors', COLOURS.red),
  ],
  [at, column('offered'), column('accepted'), column('delivered'), column('errors')],
);

draw(
  'server',
  [line('CPU %', COLOURS.orange), line('memory MiB', COLOURS.violet)],
  [looks.map((look) => look.at), looks.map((look) => look.cpuPercent), looks.map((look) => look.rssMiB)],
);

drawTrend('trend', trend, [
  ['p99 ms', COLOURS.red, (run) => run.p99],
  ['rate asked for', COLOURS.grey, (run) => run.rate, { dash: [6, 4] }],
  ['delivered /s', COLOURS.green, (run) => run.delivered],
]);

finish();
