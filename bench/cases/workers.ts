import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child as Process } from '../../tests/support/child.js';
import { freezeBuild } from '../../tests/support/frozen-build.js';
import { startOwn } from '../../tests/support/servers/own.js';
import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, Inexact, rotate, type Sample } from '../case.js';
import { type Child, start } from '../child.js';
import { Exactly } from '../exact.js';
import { type MongodbServer, mongodbServer } from '../mongodb-server.js';
import type { Taken } from '../processes/slow-receiver.js';
import { type Meeting, makeBacklog, openRecords, startApi, startWorker } from '../workers-fleet.js';

/**
 * Records that a worker has in hand. Few, so that it waits (for its handler, the store and the broker) most of the time:
 * with many, two cores are full of the servers' work before the second worker comes, and that is what would be measured.
 */
const PREFETCH = 2;
/** Workers compile what they run in their first seconds; towards the end one may already have nothing left. */
const WARM_MS = 2000;
const UNTIL_SHARE = 0.9;
const DONE_WITHIN_MS = 180_000;
const REST_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 50;
const COUNTS = [1, 2] as const;

/**
 * The same backlog for one worker and for two, each a process of its own, with a handler that takes its time. With 5 ms two cores
 * are soon full of the servers' work; with 50 ms they are not, and what is seen is whether workers stand in each other's way.
 */
export const workersScaling: readonly Case[] = [caseOf(5, 2000), caseOf(50, 800)];

function caseOf(handlerMs: number, items: number): Case {
  const name = `workers-${handlerMs}ms`;
  const run = (options: CaseOptions): Promise<CaseResult> => measure(name, handlerMs, options.items ?? items, options);
  return { name, summary: `one worker process against two, with a ${handlerMs} ms handler`, run };
}

interface Arena {
  readonly directory: string;
  readonly mongodb: MongodbServer;
  readonly rabbitmqUrl: string;
  readonly receiver: Child;
  readonly receiverPort: number;
}

async function measure(caseName: string, handlerMs: number, items: number, options: CaseOptions): Promise<CaseResult> {
  options.progress('starting MongoDB and RabbitMQ');
  const given = process.env['SIGNALBOX_TEST_RABBITMQ_URL'];
  const build = await freezeBuild();
  const mongodb = await mongodbServer();
  const rabbitmq = given === undefined || given === '' ? await startOwn('rabbitmq') : { uri: given, dispose: async () => {} };
  const receiver = start(new URL('../processes/slow-receiver.ts', import.meta.url), { profileDir: null });
  const samples: Sample[] = [];
  try {
    const receiverPort = await receiver.ask<number>('listen', { answerAfterMs: handlerMs });
    const arena: Arena = { directory: build.directory, mongodb, rabbitmqUrl: rabbitmq.uri, receiver, receiverPort };
    await rotate(
      options.rounds,
      COUNTS.map((workers) => async (round) => {
        options.progress(`round ${round}: ${nameOf(workers)}`);
        samples.push({ contestant: nameOf(workers), round, figures: await pass(arena, workers, items, `${round}-${workers}`) });
      }),
    );
    return { name: caseName, items, samples, findings: findingsOf(samples), notes: notesOf(items, handlerMs, mongodb.about) };
  } finally {
    await receiver.end();
    await Promise.all([mongodb.dispose(), rabbitmq.dispose()]);
    await build.remove();
  }
}

function nameOf(workers: number): string {
  return workers === 1 ? '1 worker' : `${workers} workers`;
}

/** In a database and on queues of its own. */
async function pass(arena: Arena, workers: number, items: number, name: string): Promise<Readonly<Record<string, number>>> {
  const { directory, mongodb, rabbitmqUrl, receiver, receiverPort } = arena;
  const group = `bench-${process.pid}-${name}`;
  const meeting: Meeting = { directory, mongodbUri: mongodb.uriOf(group.replaceAll('-', '_')), rabbitmqUrl, group, receiverPort };
  const processes: Process[] = [];
  try {
    const api = await startApi(meeting);
    processes.push(api.child);
    await makeBacklog(api.url, receiverPort, items);
    await receiver.ask('take');
    processes.push(...(await Promise.all(Array.from({ length: workers }, (_, n) => startWorker(meeting, n + 1, PREFETCH)))));
    const from = Date.now() + WARM_MS;
    await sleep(WARM_MS);
    const busyBefore = busyTimes();
    await arrived(receiver, items * UNTIL_SHARE);
    const busy = busySince(busyBefore);
    await arrived(receiver, items);
    await atRest(api.url);
    const figures = figuresFrom(await receiver.ask<readonly Taken[]>('take'), from, items, nameOf(workers));
    const cpuMs = (10 * busy * cpus().length) / figures['items/s'];
    return { ...figures, 'machine busy %': busy, 'CPU ms/item': cpuMs };
  } finally {
    await Promise.all(processes.map((child) => child.stop()));
  }
}

async function arrived(receiver: Child, many: number): Promise<void> {
  const giveUpAt = performance.now() + DONE_WITHIN_MS;
  for (let count = 0; count < many; ) {
    count = await receiver.ask<number>('count');
    if (performance.now() > giveUpAt) throw new Inexact(`of ${many} items ${count} arrived within ${DONE_WITHIN_MS / 1000} s`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The outcome of what has arrived just now is written a moment later. */
async function atRest(url: string): Promise<void> {
  const giveUpAt = performance.now() + REST_WITHIN_MS;
  for (let open: number | null = null; open !== 0; ) {
    open = await openRecords(url);
    if (performance.now() > giveUpAt) throw new Inexact(`${open} records are not at rest`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** What came between the moment when all workers were warm and the last tenth. */
function figuresFrom(taken: readonly Taken[], from: number, items: number, what: string) {
  const seen = new Exactly(items);
  for (const { name } of taken) seen.tick(Number(name));
  seen.check(what);
  const window = taken.slice(0, Math.floor(items * UNTIL_SHARE)).filter(({ at }) => at >= from);
  const seconds = ((window.at(-1)?.at ?? from) - from) / 1000;
  if (seconds < 1) throw new Inexact(`${what}: ${items} items are too few, the workers were done before they were warm; give more --items`);
  return { 'items/s': window.length / seconds, 'measured s': seconds };
}

interface Busy {
  readonly idle: number;
  readonly all: number;
}

function busyTimes(): Busy {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all };
}

/** Of all cores, with everything that runs on this machine. */
function busySince(before: Busy): number {
  const { idle, all } = busyTimes();
  return 100 * (1 - (idle - before.idle) / Math.max(1, all - before.all));
}

function findingsOf(samples: readonly Sample[]) {
  const ratioOf = (figure: string): readonly number[] => {
    const one = figuresOf(samples, nameOf(1), figure);
    return figuresOf(samples, nameOf(2), figure).map((two, round) => two / (one[round] ?? Number.NaN));
  };
  return [
    finding('items/s of two workers, of one', '×', ratioOf('items/s'), { atLeast: 1.9 }),
    // Near 1: they do not stand in each other's way, whatever the cores can give.
    finding("the machine's CPU per item with two workers, with one", '×', ratioOf('CPU ms/item')),
  ];
}

function notesOf(items: number, handlerMs: number, about: string): readonly string[] {
  return [
    `On ${about}, and RabbitMQ. ${items} webhooks whose receiver answers after ${handlerMs} ms; PREFETCH_COUNT ${PREFETCH}, so that a worker mostly waits.`,
    `Measured from ${WARM_MS / 1000} s after all workers were at work to the last tenth. Every item arrived once and is at rest.`,
    'Receiver, servers and workers share the machine: where it is busy near 100 % the cores are the limit, and not the workers.',
  ];
}
