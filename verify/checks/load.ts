import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HistoryEntry } from '../../load-test/result.js';
import { type Check, Failure, type Finding, hold, Unmeasured } from '../check.js';
import type { World } from '../world.js';

const RATE = 12;
const SECONDS = 20;
const WITHIN_MS = 180_000;
const MEGABYTE = 1_000_000;

interface Use {
  readonly workers: boolean;
  readonly cpuPercent: number | null;
  readonly memoryMb: number | null;
}

interface Loaded extends HistoryEntry {
  /** What the processes used meanwhile. */
  readonly uses: readonly Use[];
  readonly connections: number;
  readonly queueDepth: number | null;
}

interface Resources {
  readonly cpu: { readonly percent: number };
  readonly memory: { readonly rssBytes: number };
  readonly database: { readonly open: number };
  readonly queue: { readonly depth: number | null };
}

/** The load test sees a stack from outside, its processes not: they are asked at their published ports. CPU is since the last time. */
async function published(world: World): Promise<Omit<Loaded, keyof HistoryEntry>> {
  const { apis, workers } = world.site;
  const looks = await Promise.all(
    [...apis, ...workers].map(async (url) => {
      const { cpu, memory, database, queue } = (await world.expect<Resources>(200, `${url}/resources`)).body;
      const use = { workers: workers.includes(url), cpuPercent: cpu.percent, memoryMb: memory.rssBytes / MEGABYTE };
      return { use, open: database.open, depth: queue.depth };
    }),
  );
  return {
    uses: looks.map(({ use }) => use),
    connections: looks.reduce((sum, { open }) => sum + open, 0),
    queueDepth: looks[0]?.depth ?? null,
  };
}

/** The project's own load test, short, at the rate of the checklist. Its figures are judged here, by the numbers of the rows. */
function load(world: World): Promise<Loaded> {
  return world.once('load', async () => {
    if (world.site.target === 'compose') await published(world);
    const entry = await tested(world);
    if (world.site.target === 'compose') return { ...entry, ...(await published(world)) };
    const { members, connections, queueDepth } = entry.fleet;
    const uses = members.map((member) => ({ ...member, workers: member.roles.includes('worker') }));
    return { ...entry, uses, connections, queueDepth };
  });
}

async function tested(world: World): Promise<HistoryEntry> {
  const place = await mkdtemp(join(tmpdir(), 'signalbox-verify-load-'));
  try {
    const { target, apis, front } = world.site;
    const url = target === 'compose' ? front : apis.join(',');
    // Where nothing stands in for a provider, the people's inboxes receive.
    const channel = target === 'embedded' ? 'webhook' : 'in-app';
    const history = join(place, 'history.jsonl');
    const flags = [`--duration=${SECONDS}`, `--rate=${RATE}`, '--users=1000', `--url=${url}`, `--channels=${channel}`, '--skip-baselines'];
    const files = [`--history=${history}`, `--report=${join(place, 'report.html')}`];
    const env = world.site.metricsToken === null ? {} : { METRICS_TOKEN: world.site.metricsToken };
    const ran = await world.run(['npm', 'run', '--silent', 'load-test', '--', ...flags, ...files], { withinMs: WITHIN_MS, env });
    const written = await readFile(history, 'utf8').catch(() => null);
    if (written === null) throw new Failure('a load test with a result', `${ran.code}: ${ran.stderr || ran.stdout}`);
    return JSON.parse(written.trim().split('\n').at(-1) ?? '') as HistoryEntry;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

const about = `${SECONDS} s at ${RATE}/s`;

async function throughput(world: World) {
  const { figures } = await load(world);
  const { acceptedPerSecond: accepted, deliveredPerSecond: delivered } = figures;
  hold(accepted >= 11 && delivered >= 11, 'at least 11 accepted and 11 delivered a second', { accepted, delivered });
  const open = 'rate 25 with ten workers: npm run load-test -- --duration=300 --rate=25';
  return { seen: `${about}: ${accepted.toFixed(2)} accepted and ${delivered.toFixed(2)} delivered a second`, open };
}

async function latency(world: World): Promise<string> {
  const { avg, p95, p99, count } = (await load(world)).figures.latency;
  const seen = `avg ${avg.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`;
  hold(count > 0 && avg < 200 && p95 < 300 && p99 < 500, 'avg below 200 ms, p95 below 300 ms, p99 below 500 ms', seen);
  return `${about}: ${seen}`;
}

async function clean(world: World): Promise<string> {
  const { duplicates, lost, errorRate, violations, repeats, offered } = (await load(world)).figures;
  hold(duplicates === 0 && lost === 0 && Object.keys(violations).length === 0, 'no duplicate, nothing lost, no violation', {
    duplicates,
    lost,
    violations,
  });
  hold(errorRate < 0.01, 'errors below 1 %', errorRate);
  hold(repeats.sent > 0 && repeats.recognised === repeats.sent, 'every repeat recognised', repeats);
  return `${about}: ${offered} offered, duplicates 0, lost 0, errors ${(errorRate * 100).toFixed(2)} %, ${repeats.recognised} repeats recognised`;
}

async function cost(world: World): Promise<string> {
  const { uses, connections, queueDepth } = await load(world);
  const workers = uses.filter((one) => one.workers);
  hold(workers.length > 0, 'workers in the result of the load test', uses);
  const cpu = Math.max(...workers.map(({ cpuPercent }) => cpuPercent ?? Number.NaN));
  const memory = Math.max(...workers.map(({ memoryMb }) => memoryMb ?? Number.NaN));
  hold(cpu < 70 && memory < 512, 'CPU below 70 % of a core and memory below 512 MB of each worker', { cpu, memory });
  hold(connections < 50 && (queueDepth ?? 0) < 10_000, 'fewer than 50 connections and 10,000 waiting', { connections, queueDepth });
  return `${about}: worker CPU at most ${cpu.toFixed(1)} %, memory ${memory.toFixed(0)} MB, ${connections} connections, depth ${queueDepth ?? 'unknown'}`;
}

async function command(world: World) {
  const { figures } = await load(world);
  const wrong = await world.run(['npm', 'run', '--silent', 'load-test', '--', '--rate=much']);
  hold(wrong.code === 2, 'exit code 2 for a rate that is no number', wrong.code);
  const { avg, p95, p99 } = figures.latency;
  hold(
    [avg, p95, p99, figures.acceptedPerSecond].every((value) => value > 0),
    'figures above 0',
    figures,
  );
  return {
    seen: `${about} went through and gave throughput, latency, duplicates and errors; a wrong flag is 2`,
    open: 'its full length of 600 and 300 s',
  };
}

async function started({ site }: World): Promise<string> {
  const { startMs } = site;
  if (startMs === null) throw new Unmeasured('this run has not started it: stop it, and verify starts one of its own');
  hold(startMs < 30_000, 'ready within 30 s', `${startMs} ms`);
  return `ready after ${startMs} ms`;
}

async function size(world: World): Promise<Finding> {
  const { uses } = await load(world);
  const most = Math.max(...uses.map(({ memoryMb }) => memoryMb ?? Number.NaN));
  hold(most * MEGABYTE < 512 * 1024 * 1024, 'no process above 512 MiB', `${most} MB`);
  return {
    seen: `${about}: no process above ${most.toFixed(0)} MB`,
    open: 'its limit (INF-04), the alerts at 80 % of it (tests/monitoring), and a leak, which is a slope over hours: npm run soak',
  };
}

/** What one short load shows. */
export const LOAD: readonly Check[] = [
  { id: 'NOT-10', withinMs: WITHIN_MS, run: latency },
  { id: 'SLO-01', withinMs: WITHIN_MS, run: throughput },
  { id: 'SLO-02', withinMs: WITHIN_MS, run: latency },
  { id: 'SLO-03', withinMs: WITHIN_MS, run: clean },
  { id: 'SLO-04', withinMs: WITHIN_MS, run: cost },
  { id: 'SLO-13', on: ['embedded', 'cluster'], elsewhere: 'of containers: INF-09', run: started },
  { id: 'CMD-05', withinMs: WITHIN_MS, run: command },
  { id: 'X-43', withinMs: WITHIN_MS, run: size },
];
