import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, Inexact, rotate, type Sample } from '../case.js';
import { type Child, start } from '../child.js';
import { rateOf, type Spent } from '../meter.js';
import { BATCH, CONCURRENCY, type MessagePass, PARTITIONS, type Paced, type PacePass } from '../processes/messages.js';
import { redisServer } from '../redis-server.js';

const ITEMS = 20_000;
/** Accepts under way where the most is to be got through. */
const IN_FLIGHT = 400;
/** Accepts under way of clients that each wait for their answer. */
const CLIENTS = 32;
const PER_SECOND = 500;
const PACED_S = 6;
const OURS = 'signalbox';
const BARE = 'bare streams';
const BULLMQ = 'BullMQ';

/** Messages through the log and its consumer, beside bare Redis Streams and BullMQ on the same Redis. */
export const messages: Case = {
  name: 'messages',
  summary: 'accept, de-duplicate, 16 partitions, ordered handling, ack: against bare streams and BullMQ',
  run,
};

async function run(options: CaseOptions): Promise<CaseResult> {
  const items = options.items ?? ITEMS;
  const server = await redisServer();
  const contestants = [
    [OURS, start(new URL('../processes/messages-signalbox.ts', import.meta.url), options)],
    [BARE, start(new URL('../processes/messages-bare.ts', import.meta.url), options)],
    [BULLMQ, start(new URL('../processes/messages-bullmq.ts', import.meta.url), options)],
  ] as const;
  const samples: Sample[] = [];
  const measure = async (contestant: string, child: Child, round: number): Promise<void> => {
    const warming = round === 0;
    const many = warming ? 2000 : items;
    const spend = async <T extends Spent>(method: string, pass: Omit<MessagePass, 'pass'>) => {
      const before = await server.cpuMicros();
      const spent = await child.ask<T>(method, { ...pass, pass: `${contestant}-${method}-${round}` } satisfies MessagePass);
      const serverMicros = ((await server.cpuMicros()) - before) / pass.items;
      return { spent, serverMicros, ...rateOf(spent, pass.items) };
    };
    const through = await spend<Spent & { readonly outOfOrder: number }>('through', { items: many, inFlight: IN_FLIGHT });
    if (contestant !== BULLMQ && through.spent.outOfOrder > 0) {
      throw new Inexact(`${contestant}, round ${round}: ${through.spent.outOfOrder} messages were handled out of order`);
    }
    const accept = await spend('accept', { items: Math.ceil(many / 4), inFlight: CLIENTS });
    const seconds = warming ? 1 : PACED_S;
    const paced = await child.ask<Paced>('paced', {
      items: PER_SECOND * seconds,
      perSecond: PER_SECOND,
      pass: `${contestant}-paced-${round}`,
    } satisfies PacePass);
    if (warming) return;
    const figures = {
      'through/s': through['items/s'],
      'CPU µs/item': through['CPU µs/item'],
      'server µs/item': through.serverMicros,
      'both µs/item': through['CPU µs/item'] + through.serverMicros,
      'single accepts/s': accept['items/s'],
      'p50 ms at 500/s': paced.p50,
      'p99 ms at 500/s': paced.p99,
    };
    samples.push({ contestant, round, figures });
  };
  try {
    await Promise.all(contestants.map(([, child]) => child.ask('open', server.uri)));
    options.progress(`${server.about}; warming up`);
    for (const [name, child] of contestants) await measure(name, child, 0);
    await rotate(
      options.rounds,
      contestants.map(([name, child]) => async (round) => {
        options.progress(`round ${round}: ${name}`);
        await measure(name, child, round);
      }),
    );
    await Promise.all(contestants.map(([, child]) => child.ask('close')));
    return { name: messages.name, items, samples, findings: findingsOf(samples), notes: notesOf(items, server.about) };
  } finally {
    await Promise.all(contestants.map(([, child]) => child.end()));
    await server.dispose();
  }
}

function findingsOf(samples: readonly Sample[]) {
  const times = (mine: string, others: string, figure: string): number[] => {
    const base = figuresOf(samples, others, figure);
    return figuresOf(samples, mine, figure).map((value, round) => value / (base[round] ?? Number.NaN));
  };
  return [
    finding('CPU per message (client and server), of bare streams', '×', times(OURS, BARE, 'both µs/item'), { atMost: 1.6 }),
    finding('CPU per message, BullMQ of ours', '×', times(BULLMQ, OURS, 'both µs/item'), { atLeast: 5 }),
    finding(`single accepts with ${CLIENTS} in flight, of BullMQ’s rate`, '×', times(OURS, BULLMQ, 'single accepts/s'), { atLeast: 3 }),
    finding('p99 from accept to handler at 500/s, of bare streams', '×', times(OURS, BARE, 'p99 ms at 500/s'), { atMost: 1.5 }),
  ];
}

function notesOf(items: number, about: string): readonly string[] {
  return [
    `${about}, appendfsync always; ${items} messages of 1,000 conversations in ${PARTITIONS} partitions, read by ${BATCH}; BullMQ with addBulk of 100 and concurrency ${CONCURRENCY}.`,
    'Every message was handled once; in each conversation in order (BullMQ is not asked to).',
  ];
}
