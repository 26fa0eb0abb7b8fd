import { configurationOf } from './configurations.js';
import { runSeed } from './schedule.js';

const n = Number(process.argv[2] ?? 10);
const name = process.argv[3] ?? 'normal';
const t = process.hrtime.bigint();
const kinds: Record<string, number> = {};
const first: Record<string, string> = {};
let steps = 0,
  effects = 0;
const counts: Record<string, number> = {};
for (let seed = 1; seed <= n; seed += 1) {
  const v = await runSeed(seed, configurationOf(name));
  steps += v.steps;
  effects += v.report.balance.effects;
  for (const [k, c] of Object.entries(v.counts)) counts[k] = (counts[k] ?? 0) + c;
  for (const x of v.violations) {
    kinds[x.kind] = (kinds[x.kind] ?? 0) + 1;
    first[x.kind] ??= `${seed}: ${Math.round(x.at)} ${x.detail}`;
  }
}
const s = Number(process.hrtime.bigint() - t) / 1e9;
console.log(n / s, 'schedules/s', steps / n, 'steps', effects, counts);
console.log(kinds, first);
