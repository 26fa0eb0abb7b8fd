import { randomUUID } from 'node:crypto';
import { median } from '../bench/case.js';
import { constantTimes, OpenLoop, poissonTimes, type Stream } from './generator.js';
import { fatesOf, ledgerOf } from './measure.js';
import type { ChannelName, Options } from './options.js';
import { columns, ms } from './print.js';
import type { Arrival } from './receiver.js';
import { readRecords } from './records.js';
import type { Setup } from './setup.js';
import { now, type Summary, summaryOf } from './stats.js';
import { collect } from './steady.js';

/** What one user may do to the others' p95. */
const WORSE_AT_MOST = 1.5;
/** How much more than another user the flooder sends. */
const FLOOD = 20;
const BURST = 2000;
const LEAD_MS = 200;
const REST_WITHIN_MS = 10_000;
const PHASES = ['calm', 'flood', 'burst'] as const;
type Phase = (typeof PHASES)[number];

/** One phase of one round. */
interface Sample {
  readonly phase: Phase;
  readonly others: Summary;
  readonly flooder: Summary;
  /** Lost, doubled or otherwise wrong by the ledger. */
  readonly wrong: number;
}

/**
 * Does one user's flood slow the others down? Three phases in rotation, so that none has the machine's better minutes:
 * many users at a constant rate; the same with one user who sends twenty times as much as each of them; the same with
 * one who sends two thousand at once. What counts is the others' p95, the median of the rounds.
 */
export async function runFairness(setup: Setup, options: Options, say: (line: string) => void): Promise<boolean> {
  const { rounds, rate, duration } = options;
  const users = Math.max(2, Math.min(options.users, Math.round(rate)));
  const flood = (FLOOD * rate) / users;
  say(`fairness: ${users} users at ${(rate / users).toFixed(2)} /s each; the flooder ${flood.toFixed(0)} /s, or ${BURST} at once`);
  say(`${rounds} rounds of ${PHASES.length} phases, ${duration} s each`);
  const samples: Sample[] = [];
  await runPhase(setup, options, 'calm', users, Math.min(5, duration));
  for (let round = 0; round < rounds; round += 1) {
    for (let place = 0; place < PHASES.length; place += 1) {
      const phase = PHASES[(place + round) % PHASES.length] ?? 'calm';
      const sample = await runPhase(setup, options, phase, users, duration);
      samples.push(sample);
      say(
        `round ${round + 1}, ${phase}: the others' p50 ${ms(sample.others.p50)}, p95 ${ms(sample.others.p95)}, p99 ${ms(sample.others.p99)} ms`,
      );
    }
  }
  return judge(samples, options, say);
}

function streamsOf(phase: Phase, { rate, channels }: Options, users: number, durationMs: number): readonly Stream[] {
  const common = { channels: [...channels] as readonly ChannelName[], repeatEvery: 0 };
  // Random gaps: at constant ones the flooder's could fall between the others' by chance, or upon them.
  const others: Stream = { ...common, name: 'o', times: poissonTimes(rate, durationMs), userOf: (n) => `load_${n % users}` };
  const flooding = { ...common, name: 'f', userOf: () => 'load_flooder' };
  switch (phase) {
    case 'calm':
      return [others];
    case 'flood':
      return [others, { ...flooding, times: constantTimes((FLOOD * rate) / users, durationMs) }];
    case 'burst':
      return [others, { ...flooding, times: new Array<number>(BURST).fill(durationMs / 4) }];
  }
}

async function runPhase(setup: Setup, options: Options, phase: Phase, users: number, seconds: number): Promise<Sample> {
  const { client, receivers } = setup;
  const durationMs = seconds * 1000;
  const generator = new OpenLoop(client, `lt-${randomUUID().slice(0, 8)}`, receivers);
  const arrivals: Arrival[] = [];
  const collector = collect(setup, arrivals);
  const startedAt = now() + LEAD_MS;
  await Promise.all(streamsOf(phase, options, users, durationMs).map((stream) => generator.play(stream, startedAt)));
  await collector.rest(generator.items.filter(({ error, channel }) => error === null && channel !== 'in-app').length);
  const ids = generator.items.flatMap(({ recordId }) => (recordId === null ? [] : [recordId]));
  const told = await readRecords(client, ids, REST_WITHIN_MS);
  for (const receiver of new Set(receivers.values())) arrivals.push(...(await receiver.finish(told)));
  const evidence = { items: generator.items, arrivals, told };
  const fates = fatesOf(evidence);
  const tookOf = (stream: string): Summary =>
    summaryOf(
      fates
        .filter(({ item }) => item.stream === stream)
        .map(({ item, arrivedAt = Number.POSITIVE_INFINITY }) => arrivedAt - item.intendedAt),
    );
  return { phase, others: tookOf('o'), flooder: tookOf('f'), wrong: ledgerOf(evidence).violations.length };
}

function judge(samples: readonly Sample[], options: Options, say: (line: string) => void): boolean {
  const middle = (phase: Phase, figure: (sample: Sample) => number): number =>
    median(samples.filter((sample) => sample.phase === phase).map(figure));
  const row = (phase: Phase) => {
    const p95 = middle(phase, ({ others }) => others.p95);
    return {
      phase,
      p50: middle(phase, ({ others }) => others.p50),
      p95,
      p99: middle(phase, ({ others }) => others.p99),
      flooderP50: middle(phase, ({ flooder }) => flooder.p50),
      ratio: p95 / middle('calm', ({ others }) => others.p95),
    };
  };
  const rows = PHASES.map(row);
  const wrong = samples.reduce((sum, sample) => sum + sample.wrong, 0);
  const flooded = rows.find(({ phase }) => phase === 'flood')?.ratio ?? Number.NaN;
  const passed = flooded <= WORSE_AT_MOST && wrong === 0;
  if (options.json) process.stdout.write(`${JSON.stringify({ rows, wrong, passed, samples }, null, 2)}\n`);
  else {
    const head = ['the others, ms', 'p50', 'p95', 'p99', 'p95 beside calm', "flooder's own p50"];
    const body = rows.map(({ phase, p50, p95, p99, ratio, flooderP50 }) => [
      phase,
      ms(p50),
      ms(p95),
      ms(p99),
      `${ratio.toFixed(2)} ×`,
      ms(flooderP50),
    ]);
    say(`\n${columns([head, ...body])}`);
  }
  say(
    `\n${flooded <= WORSE_AT_MOST ? 'met' : 'MISSED'}: flood ${flooded.toFixed(2)} ×, at most ${WORSE_AT_MOST} ×; ledger violations: ${wrong}`,
  );
  say(passed ? 'PASSED' : 'FAILED');
  return passed;
}
