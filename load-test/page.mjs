/** Draws the report's charts, in the browser. Bundled into the page by report.ts. */
import uPlot from 'uplot';

const HEIGHT = 260;
const COLOURS = { blue: '#2266cc', orange: '#d9822b', red: '#c0392b', green: '#1a7f4b', grey: '#8a94a3', violet: '#7a4fbf' };

const { seconds, histogram, looks, limits, trend } = JSON.parse(document.getElementById('data').textContent);
const plots = [];

function line(label, colour, more = {}) {
  return { label, stroke: colour, width: 1.5, points: { show: false }, value: (_plot, value) => shown(value), ...more };
}

function shown(value) {
  if (value === null || value === undefined) return '–';
  return Math.abs(value) < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}

/** Seconds from the start as m:ss. */
function clock(value) {
  return `${Math.floor(value / 60)}:${String(Math.round(value % 60)).padStart(2, '0')}`;
}

const AXIS = { stroke: '#4a5564', grid: { stroke: '#e8ebef', width: 1 }, ticks: { stroke: '#e8ebef', width: 1 } };
const timeAxis = { ...AXIS, values: (_plot, splits) => splits.map((at) => clock(at)) };
const valueAxis = {
  ...AXIS,
  size: 64,
  values: (_plot, splits) => splits.map((value) => (value === null ? '' : value.toLocaleString('en'))),
};

/** A chart from zero upwards, as wide as its place. Says so where there is nothing to draw. */
function draw(id, series, columns, more = {}, name = clock) {
  const place = document.getElementById(id);
  if (columns[0].length === 0) {
    place.innerHTML = '<p class="none">nothing was measured</p>';
    return;
  }
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    scales: { x: { time: false }, y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.05)] } },
    axes: [timeAxis, valueAxis],
    legend: { live: true },
    ...more,
    series: [{ label: 'at', value: (_plot, at) => (at === null ? '–' : name(at)) }, ...series],
  };
  plots.push({ plot: new uPlot(options, columns, place), place });
}

const at = seconds.map((_second, index) => index);
const column = (name) => seconds.map((second) => second[name]);

draw(
  'latency',
  [line('p50', COLOURS.green), line('p95', COLOURS.orange), line('p99', COLOURS.red)],
  [at, column('p50'), column('p95'), column('p99')],
);

const bars = uPlot.paths.bars({ size: [0.9, 100] });
const { bounds, counts } = histogram;
const lastUsed = counts.findLastIndex((count) => count > 0);
const classes = counts.slice(0, lastUsed + 2);
const className = (index) => (index < bounds.length ? `<${bounds[index]}` : `≥${bounds.at(-1)}`);
draw(
  'histogram',
  [line('notifications', COLOURS.blue, { paths: bars, fill: `${COLOURS.blue}99` })],
  [classes.map((_count, index) => index), classes],
  {
    scales: { x: { time: false, range: [-0.6, classes.length - 0.4] }, y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.05)] } },
    axes: [
      {
        ...AXIS,
        splits: () => classes.map((_count, index) => index),
        values: (_plot, splits) => splits.map((index) => className(index)),
        rotate: classes.length > 10 ? -45 : 0,
        size: classes.length > 10 ? 56 : 40,
      },
      valueAxis,
    ],
  },
  className,
);

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

const points = { show: true, size: 6 };
const day = (index) => (trend[index] === undefined ? '' : new Date(trend[index].at).toISOString().slice(5, 16).replace('T', ' '));
draw(
  'trend',
  [
    line('p99 ms', COLOURS.red, { points: { ...points, fill: COLOURS.red } }),
    line('rate asked for', COLOURS.grey, { points: { ...points, fill: COLOURS.grey }, dash: [6, 4] }),
    line('delivered /s', COLOURS.green, { points: { ...points, fill: COLOURS.green } }),
  ],
  [trend.map((_run, index) => index), trend.map((run) => run.p99), trend.map((run) => run.rate), trend.map((run) => run.delivered)],
  {
    scales: {
      x: { time: false, range: [-0.5, Math.max(0.5, trend.length - 0.5)] },
      y: { distr: 3, range: (_plot, min, max) => [Math.max(0.1, (min ?? 1) / 2), (max ?? 10) * 2] },
    },
    axes: [
      { ...AXIS, splits: (_plot, _axis, min, max) => whole(min, max), values: (_plot, splits) => splits.map(day) },
      { ...valueAxis, filter: uPlot.log10AxisValsFilt },
    ],
  },
  day,
);

/** Some whole numbers between two bounds: runs have no halves. */
function whole(min, max) {
  const step = Math.max(1, Math.ceil((max - min) / 6));
  const found = [];
  for (let index = Math.max(0, Math.ceil(min)); index <= max; index += step) found.push(index);
  return found;
}

/** Whether anything but the background was painted. */
function painted({ place }) {
  const canvas = place.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 3 && value > 0);
}

addEventListener('resize', () => {
  for (const { plot, place } of plots) plot.setSize({ width: place.clientWidth, height: HEIGHT });
});

// For report-check: uPlot paints in a microtask, so the next frame shows what is there.
requestAnimationFrame(() => {
  document.body.dataset.charts = String(plots.length);
  document.body.dataset.painted = String(plots.filter(painted).length);
  document.body.dataset.limits = `${limits.p95} ${limits.p99}`;
});
