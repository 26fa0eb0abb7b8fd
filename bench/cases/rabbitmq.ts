import { startOwn } from '../../tests/support/servers/own.js';
import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, Inexact, rotate, type Sample } from '../case.js';
import { type Child, start } from '../child.js';
import { rateOf, type Spent } from '../meter.js';
import { type RabbitPass, WINDOW } from '../processes/rabbitmq.js';
import { cpuOf } from '../server-cpu.js';

const ITEMS = 40_000;
const BATCH = 64;
const OURS = 'signalbox';
const SINGLY = 'signalbox, one a call';
const BARE = 'bare amqplib';

/** Wake-ups through the adapter beside the same messages through amqplib alone, on the same broker. */
export const rabbitmqWakeUps: Case = { name: 'rabbitmq-wake-ups', summary: 'publish and consume against bare amqplib', run };

/** Where the messages go: the server named by RABBITMQ_URL (its CPU is not seen), else one of our own. */
async function broker(): Promise<{ readonly uri: string; cpuMicros(): Promise<number>; dispose(): Promise<void> }> {
  const given = process.env['RABBITMQ_URL'];
  if (given !== undefined) return { uri: given, cpuMicros: async () => Number.NaN, dispose: async () => {} };
  const server = await startOwn('rabbitmq');
  return { uri: server.uri, cpuMicros: async () => cpuOf(await server.pids()), dispose: () => server.dispose() };
}

async function run(options: CaseOptions): Promise<CaseResult> {
  const items = options.items ?? ITEMS;
  options.progress('starting a broker');
  const { uri, cpuMicros, dispose } = await broker();
  const ours = start(new URL('../processes/rabbitmq-signalbox.ts', import.meta.url), options);
  const bare = start(new URL('../processes/rabbitmq-bare.ts', import.meta.url), options);
  const samples: Sample[] = [];
  const pass = async (contestant: string, child: Child, round: number, each: number): Promise<void> => {
    const figures: Record<string, number> = {};
    for (const step of ['publish', 'consume'] as const) {
      const before = await cpuMicros();
      const spent = await child.ask<Spent>(step, { items, each } satisfies RabbitPass);
      const rate = rateOf(spent, items);
      figures[`${step}/s`] = rate['items/s'];
      figures[`${step} µs/item`] = rate['CPU µs/item'];
      figures[`${step} broker µs/item`] = ((await cpuMicros()) - before) / items;
    }
    const left = await child.ask<number>('left');
    if (left > 0) throw new Inexact(`${contestant}, round ${round}: ${left} are still in the queue`);
    if (round > 0) samples.push({ contestant, round, figures });
  };
  try {
    await Promise.all([ours.ask('open', uri), bare.ask('open', uri)]);
    options.progress('warming up');
    await pass(BARE, bare, 0, BATCH);
    await pass(OURS, ours, 0, BATCH);
    await rotate(
      options.rounds,
      (
        [
          [OURS, ours, BATCH],
          [BARE, bare, BATCH],
          [SINGLY, ours, 1],
        ] as const
      ).map(([name, child, each]) => async (round) => {
        options.progress(`round ${round}: ${name}`);
        await pass(name, child, round, each);
      }),
    );
    await Promise.all([ours.ask('close'), bare.ask('close')]);
    return { name: rabbitmqWakeUps.name, items, samples, findings: findingsOf(samples), notes: notesOf(items) };
  } finally {
    await Promise.all([ours.end(), bare.end()]);
    await dispose();
  }
}

function findingsOf(samples: readonly Sample[]) {
  const share = (contestant: string, figure: string, how: (mine: number, bare: number) => number): number[] => {
    const bare = figuresOf(samples, BARE, figure);
    return figuresOf(samples, contestant, figure).map((mine, round) => 100 * how(mine, bare[round] ?? Number.NaN));
  };
  const pace = (mine: number, bare: number): number => mine / bare;
  const cost = (mine: number, bare: number): number => bare / mine;
  return [
    finding('publish, of bare amqplib’s rate', '%', share(OURS, 'publish/s', pace), { atLeast: 75 }),
    finding('consume, of bare amqplib’s rate', '%', share(OURS, 'consume/s', pace), { atLeast: 60 }),
    finding('publish, by the client’s CPU', '%', share(OURS, 'publish µs/item', cost)),
    finding('consume, by the client’s CPU', '%', share(OURS, 'consume µs/item', cost)),
    finding('publish one a call, of bare amqplib’s rate', '%', share(SINGLY, 'publish/s', pace)),
  ];
}

function notesOf(items: number): readonly string[] {
  return [
    `${items} items; quorum queue, persistent, mandatory, window and prefetch ${WINDOW}; bare acks ${WINDOW / 2} at once, ours is told of each.`,
    'Every item was consumed once, and nothing was left in the queue.',
  ];
}
