import { configurationOf } from './configurations.js';
import type { Catch } from './hunt.js';
import { runSeed } from './schedule.js';

/**
 * Runs in a mutant's own copy of the sources: schedules until one breaks a rule. Prints one line of JSON.
 * Arguments: configuration, seeds at most.
 */
const [config = 'normal', most = '100'] = process.argv.slice(2);
Error.stackTraceLimit = 0;
let unhandled: string | null = null;
process.on('unhandledRejection', (reason) => {
  unhandled ??= String(reason);
});

let caught: Catch | null = null;
for (let seed = 1; caught === null && seed <= Number(most); seed += 1) {
  const { violations } = await runSeed(seed, configurationOf(config));
  const [first] = violations;
  if (first !== undefined) caught = { found: first.kind, seed, tried: seed, detail: first.detail };
  else if (unhandled !== null) caught = { found: 'UNHANDLED', seed, tried: seed, detail: unhandled };
}
caught ??= { found: null, seed: 0, tried: Number(most), detail: '' };
process.stdout.write(`${JSON.stringify(caught)}\n`);
