import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, rotate, type Sample } from '../case.js';
import { type Child, start } from '../child.js';
import { Exactly } from '../exact.js';
import { type MongodbServer, mongodbServer } from '../mongodb-server.js';
import type { Claimed, ClaimPass, Opening } from '../processes/mongodb.js';

const ITEMS = 3000;
const PROCESSES = 5;
/** Of each process: its share of a budget of 50 among five, without the one for heartbeats. */
const CONNECTIONS = 9;
/** WORKER_BATCH_SIZE, and PREFETCH_COUNT, which bounds it where RabbitMQ hands out the wake-ups. */
const BATCH = 50;
const SMALL_BATCH = 10;

const OURS = `signalbox, ${BATCH} a claim`;
const OURS_SMALL = `signalbox, ${SMALL_BATCH} a claim`;
const BY_ID = 'findOneAndUpdate by id';
const NEXT = 'findOneAndUpdate, the next due';

interface Contestant {
  readonly name: string;
  readonly method: 'claim' | 'claimById' | 'claimNext';
  readonly ours: boolean;
  readonly batch: number;
}

const CONTESTANTS: readonly Contestant[] = [
  { name: OURS, method: 'claim', ours: true, batch: BATCH },
  { name: BY_ID, method: 'claimById', ours: false, batch: BATCH },
  { name: OURS_SMALL, method: 'claim', ours: true, batch: SMALL_BATCH },
  { name: NEXT, method: 'claimNext', ours: false, batch: BATCH },
];

/** Five processes claim the same items against each other: in batches, or one command an item. */
export const mongodbClaims: Case = { name: 'mongodb-claims', summary: 'batched claims against findOneAndUpdate, five processes', run };

async function run(options: CaseOptions): Promise<CaseResult> {
  const items = options.items ?? ITEMS;
  options.progress('starting a MongoDB server');
  const server = await mongodbServer();
  const each = (module: string): Child[] => Array.from({ length: PROCESSES }, () => start(new URL(module, import.meta.url), options));
  const [ours, bare] = [each('../processes/mongodb-signalbox.ts'), each('../processes/mongodb-bare.ts')];
  const samples: Sample[] = [];
  try {
    const arena: Arena = { server, ours, bare };
    options.progress('warming up');
    for (const contestant of CONTESTANTS) await pass(arena, contestant, Math.min(items, 500), 'warm');
    await rotate(
      options.rounds,
      CONTESTANTS.map((contestant) => async (round) => {
        options.progress(`round ${round}: ${contestant.name}`);
        samples.push({ contestant: contestant.name, round, figures: await pass(arena, contestant, items, `round_${round}`) });
      }),
    );
    return { name: mongodbClaims.name, items, samples, findings: findingsOf(samples), notes: notesOf(items, server.about) };
  } finally {
    await Promise.all([...ours, ...bare].map((child) => child.end()));
    await server.dispose();
  }
}

interface Arena {
  readonly server: MongodbServer;
  readonly ours: readonly Child[];
  readonly bare: readonly Child[];
}

/** In a database of its own, so that none meets what another left. */
async function pass({ server, ours, bare }: Arena, contestant: Contestant, items: number, name: string) {
  const uri = server.uriOf(`bench_${process.pid}_${contestant.method}_${contestant.batch}_${name}`);
  const opening: Opening = { uri, connections: CONNECTIONS, migrate: true };
  const [filler, looker] = [ours[0] as Child, bare[0] as Child];
  await filler.ask('open', opening);
  await filler.ask('fill', { items });
  const children = contestant.ours ? ours : bare;
  await Promise.all(children.filter((child) => child !== filler).map((child) => child.ask('open', { ...opening, migrate: false })));
  if (contestant.ours) await looker.ask('open', opening);
  const deal = dealt(items, contestant.batch);
  const before = await server.cpuMicros();
  const claimed = await Promise.all(
    children.map((child, n) =>
      child.ask<Claimed>(contestant.method, { worker: `worker-${n}`, batches: deal[n] ?? [] } satisfies ClaimPass),
    ),
  );
  const serverMicros = (await server.cpuMicros()) - before;
  const seen = new Exactly(items);
  for (const { seqs } of claimed) for (const seq of seqs) seen.tick(seq);
  seen.check(`${contestant.name}, ${name}`);
  await looker.ask('check', { items, what: contestant.name, delivered: false });
  await looker.ask('drop');
  await Promise.all([...new Set([...children, filler, looker])].map((child) => child.ask('close')));
  return figuresFrom(claimed, items, serverMicros);
}

function figuresFrom(claimed: readonly Claimed[], items: number, serverMicros: number): Readonly<Record<string, number>> {
  const wallMs = Math.max(...claimed.map(({ endedAt }) => endedAt)) - Math.min(...claimed.map(({ startedAt }) => startedAt));
  const clientMicros = claimed.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) / items;
  return {
    'items/s': items / (wallMs / 1000),
    'client CPU µs/item': clientMicros,
    'server CPU µs/item': serverMicros / items,
    'CPU µs/item': clientMicros + (Number.isNaN(serverMicros) ? 0 : serverMicros / items),
  };
}

/** Every batch goes to two of the processes at the same place of their lists: whatever is claimed is fought for. */
function dealt(items: number, batch: number): readonly (readonly (readonly number[])[])[] {
  const deal: number[][][] = Array.from({ length: PROCESSES }, () => []);
  for (let from = 0, n = 0; from < items; from += batch, n += 1) {
    const seqs = Array.from({ length: Math.min(batch, items - from) }, (_, place) => from + place);
    deal[n % PROCESSES]?.push(seqs);
    deal[(n + 1) % PROCESSES]?.push(seqs);
  }
  return deal;
}

function findingsOf(samples: readonly Sample[]) {
  const ratio = (ours: string, theirs: string, figure: string, more: boolean): number[] => {
    const other = figuresOf(samples, theirs, figure);
    return figuresOf(samples, ours, figure).map((mine, round) => {
      const value = other[round] ?? Number.NaN;
      return more ? mine / value : value / mine;
    });
  };
  return [
    finding('items/s, of findOneAndUpdate by id', '×', ratio(OURS, BY_ID, 'items/s', true), { atLeast: 6 }),
    finding('items per CPU, of findOneAndUpdate by id', '×', ratio(OURS, BY_ID, 'CPU µs/item', false), { atLeast: 6 }),
    finding('items/s, of findOneAndUpdate for the next due', '×', ratio(OURS, NEXT, 'items/s', true)),
    finding(`items/s in claims of ${SMALL_BATCH}, of findOneAndUpdate by id`, '×', ratio(OURS_SMALL, BY_ID, 'items/s', true)),
  ];
}

function notesOf(items: number, about: string): readonly string[] {
  return [
    `On ${about}. ${items} records, ${PROCESSES} processes with ${CONNECTIONS} connections each; one claim under way in each of ours, ${CONNECTIONS} in the others.`,
    'Every key was given to two processes at once ("the next due" needs none); each was claimed exactly once, by the answers and by the store.',
  ];
}
