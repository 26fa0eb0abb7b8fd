import { join } from 'node:path';
import { makeDataDir, removeDataDir } from '../built.js';
import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, rotate, type Sample } from '../case.js';
import { type Child, start } from '../child.js';
import { rateOf, type Spent } from '../meter.js';
import type { Load } from '../processes/http.js';

const ITEMS = 5000;
const WARM_UP = 6000;
const IN_FLIGHT = 32;
const OURS = 'signalbox';
const EXPRESS = 'bare Express';
const COMMITS = 'the commits alone';

/** POST → 202, durable, beside an Express that reads the same body and keeps nothing. */
export const embeddedHttp: Case = { name: 'embedded-http', summary: 'POST → 202 at 32 in flight against bare Express', run };

async function run(options: CaseOptions): Promise<CaseResult> {
  const items = options.items ?? ITEMS;
  const scratch = makeDataDir();
  const client = start(new URL('../processes/http-client.ts', import.meta.url), { profileDir: null });
  const children: Child[] = [client];
  const open = async (module: URL): Promise<{ server: Child; port: number }> => {
    const server = start(module, options);
    children.push(server);
    return { server, port: await server.ask<number>('port') };
  };
  try {
    const tapePath = join(scratch, 'tape.jsonl');
    options.progress('recording what accepting asks of SQLite');
    await record(client, items, tapePath);
    const floor = start(new URL('../processes/floor.ts', import.meta.url), options);
    children.push(floor);
    await floor.ask('load', { path: tapePath });
    const [ours, express] = [
      await open(new URL('../processes/http-signalbox.ts', import.meta.url)),
      await open(new URL('../processes/http-express.ts', import.meta.url)),
    ];
    options.progress('warming up');
    for (const { port } of [ours, express]) await client.ask('send', { port, pass: 'warm', items: WARM_UP, inFlight: IN_FLIGHT });

    const samples: Sample[] = [];
    const load = async (contestant: string, { server, port }: typeof ours, round: number, readBack: boolean): Promise<void> => {
      options.progress(`round ${round}: ${contestant}`);
      const pass: Load = { port, pass: `round-${round}`, items, inFlight: IN_FLIGHT };
      await server.ask('begin');
      const wallMs = await client.ask<number>('send', pass);
      const { spent, commits } = await server.ask<{ spent: Spent; commits?: number }>('end');
      if (readBack) await client.ask('verify', pass);
      samples.push({
        contestant,
        round,
        figures: { ...rateOf({ ...spent, wallMs }, items), ...(commits === undefined ? {} : { commits }) },
      });
    };
    await rotate(options.rounds, [
      (round) => load(OURS, ours, round, true),
      (round) => load(EXPRESS, express, round, false),
      async (round) => {
        options.progress(`round ${round}: ${COMMITS}`);
        const { spent, commits } = await floor.ask<{ spent: Spent; commits: number }>('run', { playback: 'all' });
        samples.push({ contestant: COMMITS, round, figures: { ...rateOf(spent, items), commits } });
      },
    ]);
    await ours.server.ask('stop');
    return { name: embeddedHttp.name, items, samples, findings: findingsOf(samples), notes: notesOf(items) };
  } finally {
    await Promise.all(children.map((child) => child.end()));
    removeDataDir(scratch);
  }
}

/** A server of its own is listened in on: what is measured must not pay for it. */
async function record(client: Child, items: number, path: string): Promise<void> {
  const server = start(new URL('../processes/http-signalbox.ts', import.meta.url), { profileDir: null, env: { BENCH_TAPE: 'on' } });
  try {
    const port = await server.ask<number>('port');
    await client.ask('send', { port, pass: 'tape', items, inFlight: IN_FLIGHT } satisfies Load);
    await server.ask('end');
    await server.ask('keepTape', { path });
  } finally {
    await server.end();
  }
}

function findingsOf(samples: readonly Sample[]) {
  const ours = figuresOf(samples, OURS, 'CPU µs/item');
  const express = figuresOf(samples, EXPRESS, 'CPU µs/item');
  const commits = figuresOf(samples, COMMITS, 'CPU µs/item');
  const times = (apart: (round: number) => number): number[] =>
    ours.map((micros, round) => (micros - apart(round)) / (express[round] ?? Number.NaN));
  return [
    finding(
      'of bare Express’s CPU, the commits’ share apart',
      '×',
      times((round) => commits[round] ?? Number.NaN),
      { atMost: 1.3 },
    ),
    finding(
      'of bare Express’s CPU, everything',
      '×',
      times(() => 0),
    ),
  ];
}

function notesOf(items: number): readonly string[] {
  return [
    `${items} requests a round, ${IN_FLIGHT} in flight on as many connections; the client's process does not count.`,
    'Every item was answered 202 under an id of its own and read back from the list once.',
    'The commits alone: the statements and commits of as many accepts, played back without HTTP and pipeline.',
  ];
}
