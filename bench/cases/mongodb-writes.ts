import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, rotate, type Sample } from '../case.js';
import { type Child, start } from '../child.js';
import type { Spent } from '../meter.js';
import { mongodbServer } from '../mongodb-server.js';
import type { Opening, WritePass, Written } from '../processes/mongodb.js';

const ITEMS = 3000;
const IN_FLIGHT = 128;
const CONNECTIONS = 24;
const OURS = 'signalbox, coalesced';
const BARE = 'insertOne, updateOne each';

/** Accepts and outcomes of one process: gathered into bulk writes, or one command an item. */
export const mongodbWrites: Case = { name: 'mongodb-writes', summary: 'accepts and commits against insertOne and updateOne', run };

async function run(options: CaseOptions): Promise<CaseResult> {
  const items = options.items ?? ITEMS;
  options.progress('starting a MongoDB server');
  const server = await mongodbServer();
  const ours = start(new URL('../processes/mongodb-signalbox.ts', import.meta.url), options);
  const bare = start(new URL('../processes/mongodb-bare.ts', import.meta.url), options);
  const samples: Sample[] = [];
  const pass = async (contestant: string, child: Child, many: number, name: string): Promise<Readonly<Record<string, number>>> => {
    const opening: Opening = { uri: server.uriOf(`bench_${process.pid}_writes_${name}`), connections: CONNECTIONS, migrate: true };
    // Ours makes the collection and its indexes for both.
    await ours.ask('open', opening);
    await bare.ask('open', opening);
    const before = await server.cpuMicros();
    const { accept, commit } = await child.ask<Written>('write', { items: many, inFlight: IN_FLIGHT } satisfies WritePass);
    const serverMicros = (await server.cpuMicros()) - before;
    await bare.ask('check', { items: many, what: `${contestant}, ${name}`, delivered: true });
    await bare.ask('drop');
    await Promise.all([ours.ask('close'), bare.ask('close')]);
    return figuresFrom(accept, commit, many, serverMicros);
  };
  try {
    const contestants = [[OURS, ours, 'ours'] as const, [BARE, bare, 'bare'] as const];
    options.progress('warming up');
    for (const [name, child, word] of contestants) await pass(name, child, Math.min(items, 500), `warm_${word}`);
    await rotate(
      options.rounds,
      contestants.map(([name, child, word]) => async (round) => {
        options.progress(`round ${round}: ${name}`);
        samples.push({ contestant: name, round, figures: await pass(name, child, items, `${round}_${word}`) });
      }),
    );
    return { name: mongodbWrites.name, items, samples, findings: findingsOf(samples), notes: notesOf(items, server.about) };
  } finally {
    await Promise.all([ours.end(), bare.end()]);
    await server.dispose();
  }
}

/** The server's CPU is of both, with the claims between them, which are ours to make in either case. */
function figuresFrom(accept: Spent, commit: Spent, items: number, serverMicros: number): Readonly<Record<string, number>> {
  return {
    'accepts/s': items / (accept.wallMs / 1000),
    'accept µs/item': accept.cpuMicros / items,
    'commits/s': items / (commit.wallMs / 1000),
    'commit µs/item': commit.cpuMicros / items,
    'server CPU µs/item, all': serverMicros / items,
  };
}

function findingsOf(samples: readonly Sample[]) {
  const ratio = (figure: string): number[] => {
    const theirs = figuresOf(samples, BARE, figure);
    return figuresOf(samples, OURS, figure).map((mine, round) => mine / (theirs[round] ?? Number.NaN));
  };
  return [
    finding('accepts/s, of insertOne each', '×', ratio('accepts/s')),
    finding('commits/s, of updateOne each', '×', ratio('commits/s')),
    finding('server CPU of both, of one command each', '×', ratio('server CPU µs/item, all')),
  ];
}

function notesOf(items: number, about: string): readonly string[] {
  return [
    `On ${about}. ${items} records, ${IN_FLIGHT} in flight in one process, ${CONNECTIONS} connections; the CPU of items is that process's.`,
    'The same documents, fences and effects on both sides; every record is there once, claimed once and delivered once.',
  ];
}
