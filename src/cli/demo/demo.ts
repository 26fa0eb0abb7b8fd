import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { ApiClient } from '../api-client.js';
import { count, type Finish, globalOptions, print, printJson } from '../command.js';
import { findServer } from '../find-server.js';
import { columns } from '../table.js';
import { eachOf, type Fed, feed } from './feed.js';
import { startOwnServer } from './own-server.js';
import { loadQuakes } from './quakes.js';
import { SinkWatch } from './sink-watch.js';
import { alertsFor, SUBSCRIBERS } from './subscribers.js';
import { isClean, type Summary, summarise, type Told } from './verdict.js';

interface DemoOptions {
  readonly limit?: number;
  readonly concurrency: number;
}

const EXAMPLES = `
Starts a server of its own, and stops it again, unless --url names one or one answers at a usual address.
Everything goes to that server's own sink, nothing to a real address; a server without one is left alone.

Examples:
  $ signalbox demo
  $ signalbox demo --limit 200 --concurrency 4
  $ signalbox demo --url http://127.0.0.1:3000 --json`;

const AT_REST: ReadonlySet<string> = new Set(['delivered', 'skipped', 'expired', 'cancelled', 'dead', 'held']);
/** So long may one delivery take from the last post on; what is open then is reported as open. */
const REST_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 200;

/** `signalbox demo`: a week of real earthquakes, as notifications to those who asked for them. */
export function addDemo(program: Command, finish: Finish): void {
  program
    .command('demo')
    .description(`feed a week of earthquakes to ${SUBSCRIBERS.length} subscribers, and check that each got its own once`)
    .option('--limit <n>', 'at most this many notifications (default: all)', count)
    .option('--concurrency <n>', 'requests at a time', count, 16)
    .addHelpText('after', EXAMPLES)
    .action(async (options: DemoOptions, command: Command) => {
      const { url, json } = globalOptions(command);
      const quiet = json === true;
      const found = url ?? (await findServer());
      const own = found === null ? await startOwnServer() : null;
      try {
        const client = new ApiClient(own?.url ?? found ?? '');
        if (!quiet)
          print(own === null ? `Using the server at ${client.url}` : `No server answers: started one of our own at ${client.url}`);
        const summary = await runDemo(client, options, quiet);
        if (quiet) printJson(summary);
        else print(report(summary));
        finish(isClean(summary) ? 0 : 1);
      } finally {
        await own?.stop();
        if (!quiet && own !== null) print('Stopped our own server and removed its data.');
      }
    });
}

async function runDemo(client: ApiClient, { limit, concurrency }: DemoOptions, quiet: boolean): Promise<Summary> {
  const alerts = alertsFor(await loadQuakes(), `${client.url}/sink`).slice(0, limit);
  const watch = new SinkWatch(client);
  await watch.start();
  const fed = await withBar('posts', alerts.length, quiet, (step) => feed(client, alerts, concurrency, step));
  for (const line of fed.refused.slice(0, 5)) process.stderr.write(`signalbox: ${line}\n`);
  const told = await withBar('deliveries', expectedOf(fed), quiet, (step) => settle(client, fed, concurrency, step));
  await watch.stop();
  await askAfterUnseen(watch, told, concurrency);
  return summarise({ fed, told, timesTaken: (operationId) => watch.timesTaken(operationId), missed: watch.missed });
}

function expectedOf(fed: Fed): number {
  return fed.answered.reduce((sum, { alert }) => sum + alert.channels.length, 0);
}

/** Waits until every notification is at rest, for as long as is reasonable, and gives what the server then says of each. */
async function settle(client: ApiClient, fed: Fed, concurrency: number, step: (by: number) => void): Promise<Map<string, Told | null>> {
  const told = new Map<string, Told | null>();
  const giveUpAt = performance.now() + REST_WITHIN_MS;
  await eachOf(fed.answered, concurrency, async ({ alert, id }) => {
    told.set(id, await untilRest(client, id, giveUpAt));
    step(alert.channels.length);
  });
  return told;
}

async function untilRest(client: ApiClient, id: string, giveUpAt: number): Promise<Told | null> {
  for (;;) {
    const record = await client.find<Told>(`/api/v1/notifications/${id}`);
    const resting = record === null || record.deliveries.every((delivery) => AT_REST.has(delivery.status));
    if (resting || performance.now() > giveUpAt) return record;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** What was delivered and not seen is asked for one by one, in case only the looking was too slow. */
async function askAfterUnseen(watch: SinkWatch, told: ReadonlyMap<string, Told | null>, concurrency: number): Promise<void> {
  const unseen = [...told.values()]
    .flatMap((record) => record?.deliveries ?? [])
    .filter((delivery) => delivery.status === 'delivered' && watch.timesTaken(delivery.operationId) === 0);
  await eachOf(unseen, concurrency, ({ operationId }) => watch.ask(operationId));
}

async function withBar<T>(name: string, total: number, quiet: boolean, work: (step: (by?: number) => void) => Promise<T>): Promise<T> {
  const bar = new SingleBar({ format: `${name.padEnd(10)} {bar} {value}/{total}  {duration_formatted}`, hideCursor: true });
  // Drawn on a terminal only; the library itself sees to that.
  if (!quiet) bar.start(total, 0);
  try {
    return await work((by = 1) => bar.increment(by));
  } finally {
    bar.stop();
  }
}

function report(summary: Summary): string {
  const { latencyMs } = summary;
  const known: [string, number][] = summary.notificationsKnown === 0 ? [] : [['known from an earlier run', summary.notificationsKnown]];
  const refused: [string, number][] = summary.notificationsRefused === 0 ? [] : [['refused', summary.notificationsRefused]];
  const rows: [string, number | string][] = [
    ['notifications accepted', summary.notificationsAccepted],
    ...known,
    ...refused,
    ['repeats posted', summary.repeatsPosted],
    ['repeats recognised', summary.repeatsRecognised],
    ['deliveries', summary.deliveries],
    ['  delivered', summary.delivered],
    ['  dead', summary.dead],
    ['  held', summary.held],
    ['  skipped, expired, cancelled', summary.otherwise],
    ['  still open', summary.open],
    ['duplicates', summary.duplicates],
    ['webhook repeats absorbed', summary.absorbed],
    ['lost', summary.lost],
    ['not compared (sink forgot)', summary.notCompared],
    ['deliveries per second', summary.ratePerSecond],
    ['accept to delivered, avg', `${latencyMs.avg} ms`],
    ['  p50', `${latencyMs.p50} ms`],
    ['  p95', `${latencyMs.p95} ms`],
    ['  p99', `${latencyMs.p99} ms`],
  ];
  const verdict = isClean(summary) ? 'Everybody got theirs, once.' : 'Not everybody got theirs once: see above.';
  return `${columns(
    rows.map(([name, value]) => [name, String(value)]),
    [1],
  )}\n${verdict}`;
}
