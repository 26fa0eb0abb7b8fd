import { parseArgs } from 'node:util';
import { compareZones } from './zone-comparison.js';

/** `npm run quiet-hours:zones`: all zones and all their changes of 2020–2037; ends with 1 when calendar and oracle ever differ. */
const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } });
const started = performance.now();
const total = Intl.supportedValuesOf('timeZone').length;

const counts = compareZones({
  seed: Number(values.seed),
  years: 'all',
  windows: 11,
  onZone({ zones, comparisons }) {
    if (zones % 50 === 0) process.stderr.write(`  ${zones} of about ${total} zones, ${comparisons} comparisons\n`);
  },
});
for (const example of counts.examples) process.stdout.write(`MISMATCH ${example}\n`);
const lines: readonly (readonly [string, number])[] = [
  ['time zones', counts.zones],
  ['clock changes 2020–2037', counts.transitions],
  ['  clocks set forward (gap)', counts.gaps],
  ['  clocks set back (fold)', counts.folds],
  ['quiet hours laid against them', counts.windows],
  ['comparisons with the oracle', counts.comparisons],
  ['mismatches', counts.mismatches],
];
for (const [name, count] of lines) process.stdout.write(`${name.padEnd(34)}${String(count).padStart(10)}\n`);
process.stdout.write(
  `seed ${values.seed}, Node ${process.version}, tz ${process.versions.tz ?? '?'}, ${Math.round((performance.now() - started) / 1000)} s\n`,
);
process.exitCode = counts.mismatches === 0 && counts.transitions > 0 ? 0 : 1;
