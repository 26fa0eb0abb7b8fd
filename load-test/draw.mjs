/** Draws charts of a report, in the browser. */
import uPlot from 'uplot';

const HEIGHT = 260;
export const COLOURS = { blue: '#2266cc', orange: '#d9822b', red: '#c0392b', green: '#1a7f4b', grey: '#8a94a3', violet: '#7a4fbf' };

/** What the page carries for its script. */
export const data = JSON.parse(document.getElementById('data').textContent);
const plots = [];

export function line(label, colour, more = {}) {
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
export function draw(id, series, columns, more = {}, name = clock) {
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

/** Bars of how many fell into each class. */
export function drawHistogram(id, label, { bounds, counts }) {
  const bars = uPlot.paths.bars({ size: [0.9, 100] });
  const classes = counts.slice(0, counts.findLastIndex((count) => count > 0) + 2);
  const className = (index) => (index < bounds.length ? `<${bounds[index]}` : `≥${bounds.at(-1)}`);
  draw(
    id,
    [line(label, COLOURS.blue, { paths: bars, fill: `${COLOURS.blue}99` })],
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
}

/** Figures of one run after the other; `series` as [label, colour, figure of a run, more]. */
export function drawTrend(id, runs, series) {
  const day = (index) => (runs[index] === undefined ? '' : new Date(runs[index].at).toISOString().slice(5, 16).replace('T', ' '));
  draw(
    id,
    series.map(([label, colour, _figure, more = {}]) => line(label, colour, { points: { show: true, size: 6, fill: colour }, ...more })),
    [runs.map((_run, index) => index), ...series.map(([_label, _colour, figure]) => runs.map(figure))],
    {
      scales: {
        x: { time: false, range: [-0.5, Math.max(0.5, runs.length - 0.5)] },
        y: { distr: 3, range: (_plot, min, max) => [Math.max(0.1, (min ?? 1) / 2), (max ?? 10) * 2] },
      },
      axes: [
        { ...AXIS, splits: (_plot, _axis, min, max) => whole(min, max), values: (_plot, splits) => splits.map(day) },
        { ...valueAxis, filter: uPlot.log10AxisValsFilt },
      ],
    },
    day,
  );
}

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

/** To be called when all is drawn. */
export function finish() {
  addEventListener('resize', () => {
    for (const { plot, place } of plots) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  // For report-check: uPlot paints in a microtask, so the next frame shows what is there.
  requestAnimationFrame(() => {
    document.body.dataset.charts = String(plots.length);
    document.body.dataset.painted = String(plots.filter(painted).length);
  });
}
