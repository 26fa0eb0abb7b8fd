import { join } from 'node:path';
import { makeDataDir, removeDataDir } from '../built.js';
import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, Inexact, rotate, type Sample } from '../case.js';
import { start } from '../child.js';
import { rateOf, type Spent } from '../meter.js';
import type { PipelinePass } from '../processes/pipeline-settings.js';
import { differences, type RowCounts, sumOf } from '../rows.js';

const ITEMS = 10_000;
const IN_FLIGHT = 128;
const OURS = 'signalbox';
const FLOOR = 'bare SQL, writes only';
const FLOOR_READING = 'bare SQL, with reads';

interface Pass {
  readonly spent: Spent;
  readonly commits: number;
  readonly rows: RowCounts;
}

/** Accept → claim → intent → outcome → ack, beside the same rows in the same commits through bare statements. */
export const embeddedPipeline: Case = { name: 'embedded-pipeline', summary: 'accept → claim → done against bare SQL, no HTTP', run };

async function run(options: CaseOptions): Promise<CaseResult> {
  const items = options.items ?? ITEMS;
  const scratch = makeDataDir();
  const ours = start(new URL('../processes/pipeline.ts', import.meta.url), options);
  const floor = start(new URL('../processes/floor.ts', import.meta.url), options);
  try {
    const tapePath = join(scratch, 'tape.jsonl');
    options.progress('recording what the adapter asks of SQLite');
    const taped = await record({ name: 'tape', items, inFlight: IN_FLIGHT, tapePath });
    await floor.ask('load', { path: tapePath });
    options.progress('warming up');
    const warmUp = Math.min(items, 6000);
    await ours.ask<Pass>('run', { name: 'warm', items: warmUp, inFlight: IN_FLIGHT, tapePath: null } satisfies PipelinePass);

    const samples: Sample[] = [];
    const add = (contestant: string, round: number, pass: Pass): void => {
      const wrong = differences(pass.rows, taped.rows);
      if (wrong.length > 0) throw new Inexact(`${contestant}, round ${round}: other rows than on the tape: ${wrong.join(', ')}`);
      const figures = {
        ...rateOf(pass.spent, items),
        commits: pass.commits,
        rows: sumOf(pass.rows),
        'record writes': pass.rows['record writes'] ?? 0,
      };
      samples.push({ contestant, round, figures });
    };
    await rotate(options.rounds, [
      async (round) => {
        options.progress(`round ${round}: ${OURS}`);
        const pass: PipelinePass = { name: `round-${round}`, items, inFlight: IN_FLIGHT, tapePath: null };
        add(OURS, round, await ours.ask<Pass>('run', pass));
      },
      async (round) => {
        options.progress(`round ${round}: bare SQL`);
        add(FLOOR, round, await floor.ask<Pass>('run', { playback: 'writes' }));
        add(FLOOR_READING, round, await floor.ask<Pass>('run', { playback: 'all' }));
      },
    ]);
    return { name: embeddedPipeline.name, items, samples, findings: findingsOf(samples), notes: notesOf(items) };
  } finally {
    await Promise.all([ours.end(), floor.end()]);
    removeDataDir(scratch);
  }
}

/** In a process of its own: listening in on every statement costs, and what is measured must not pay for it. */
async function record(pass: PipelinePass): Promise<Pass> {
  const child = start(new URL('../processes/pipeline.ts', import.meta.url), { profileDir: null });
  try {
    return await child.ask<Pass>('run', pass);
  } finally {
    await child.end();
  }
}

function findingsOf(samples: readonly Sample[]) {
  const cpu = figuresOf(samples, OURS, 'CPU µs/item');
  const rate = figuresOf(samples, OURS, 'items/s');
  const share = (floor: string): number[] =>
    figuresOf(samples, floor, 'CPU µs/item').map((micros, round) => (100 * micros) / (cpu[round] ?? Number.NaN));
  const pace = (floor: string): number[] =>
    figuresOf(samples, floor, 'items/s').map((perSecond, round) => (100 * (rate[round] ?? Number.NaN)) / perSecond);
  return [
    finding('of the floor’s speed, by CPU', '%', share(FLOOR), { atLeast: 60 }),
    finding('of the floor’s speed, by wall clock', '%', pace(FLOOR)),
    finding('of the floor with its reads, by CPU', '%', share(FLOOR_READING)),
    finding('of the floor with its reads, by wall clock', '%', pace(FLOOR_READING)),
  ];
}

function notesOf(items: number): readonly string[] {
  return [
    `${items} items, ${IN_FLIGHT} accepts in flight, default settings, metrics and log as in production; one fsync a commit.`,
    'Every item had its effect once and is delivered once; all contestants left the same number of rows in every table.',
  ];
}
