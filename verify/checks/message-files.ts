import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { artillery } from '../../load-test/messages/options.js';
import type { MessageEntry } from '../../load-test/messages/result.js';
import { type Check, hold, same } from '../check.js';
import { message, PARTITIONS, post, stored } from '../message.js';
import type { World } from '../world.js';
import { fileIn, queriesOf } from './files.js';
import { judged, refused } from './settings.js';

const LOAD_WITHIN_MS = 180_000;

async function settings(): Promise<string> {
  const config = judged({}).config;
  const { redisStreamDb, streamPartitions, streamMaxRetries, streamPollIntervalMs, streamBatchSize } = config ?? {};
  same(
    [redisStreamDb, streamPartitions, streamMaxRetries, streamPollIntervalMs, streamBatchSize],
    [1, PARTITIONS, 3, 5_000, 10],
    'defaults',
  );
  same(judged({ STREAM_PARTITIONS: '32', STREAM_BATCH_SIZE: '5' }).said, [], 'remarks about settings that are used');
  refused({ STREAM_PARTITIONS: '0' }, /STREAM_PARTITIONS/);
  refused({ STREAM_BATCH_SIZE: 'many' }, /STREAM_BATCH_SIZE/);
  refused({ REDIS_STREAM_DB: '-1' }, /REDIS_STREAM_DB/);
  return 'database 1, 16 partitions, 3 retries, 5000 ms, 10 entries; 0 partitions and a batch of many refused';
}

async function dashboard(world: World): Promise<string> {
  const board = JSON.parse(fileIn(world, 'monitoring/grafana/phase3-queue-dashboard.json')) as {
    title: string;
    panels: Parameters<typeof queriesOf>[0];
  };
  same(board.title, 'Phase 3: Durable Delivery - Queue Monitoring', 'the title');
  const titles = JSON.stringify(board);
  const wanted = ['Enqueue Rate', 'Dequeue Rate', 'Partition Lag', 'Processing Duration (p95)', 'DLQ Rate', 'Idempotent Hit Rate'];
  same(
    wanted.filter((title) => !titles.includes(`"title":"${title}"`)),
    [],
    'panels that are missing',
  );
  return `${wanted.join(', ')}; ${queriesOf(board.panels).length} queries`;
}

async function rules(world: World): Promise<string> {
  interface Group {
    readonly name: string;
    readonly interval: string;
    readonly rules: readonly {
      readonly alert?: string;
      readonly expr: string;
      readonly for?: string;
      readonly labels?: { severity: string };
    }[];
  }
  const { groups } = parse(fileIn(world, 'prometheus/alerts/phase3-queue.yml')) as { groups: readonly Group[] };
  const group = groups.find(({ name }) => name === 'phase3_queue');
  same(group?.interval, '60s', 'the interval of phase3_queue');
  const wanted = [
    ['QueuePartitionLagHigh', 'stream_partition_lag > 1000', 'warning'],
    ['QueueDLQRateHigh', 'rate(stream_dead_letter_total[5m]) > 10', 'critical'],
    ['ConsumerProcessingErrors', 'rate(stream_consumer_processed_total{status="error"}[5m]) > 1', 'warning'],
  ] as const;
  for (const [alert, expr, severity] of wanted) {
    const rule = group?.rules.find((each) => each.alert === alert);
    same([rule?.expr, rule?.for, rule?.labels?.severity], [expr, '5m', severity], alert);
  }
  return `${wanted.map(([alert]) => alert).join(', ')}, as the checklist has them; when they fire: npm test -- tests/monitoring`;
}

async function loadFile(world: World): Promise<string> {
  fileIn(world, 'load-test.yml');
  const { phases, path } = artillery(`${world.root}/load-test.yml`);
  same(
    phases,
    [
      { durationS: 60, rate: 100 },
      { durationS: 300, rate: 500 },
    ],
    'the phases',
  );
  same(path, '/api/messages', 'where it posts');
  return '60 s at 100/s, then 300 s at 500/s, on /api/messages';
}

/** The project's own load of messages, short; its figures are judged here. */
function load(world: World): Promise<MessageEntry> {
  return world.once('load of messages', async () => {
    const place = await mkdtemp(join(tmpdir(), 'signalbox-verify-messages-'));
    try {
      const { target, apis, front, apiKey, metricsToken } = world.site;
      const flags = ['--workload=messages', '--rate=50', '--duration=10', '--conversations=100', '--duplicates=2.5%', '--json'];
      const files = [`--history=${join(place, 'history.jsonl')}`, `--report=${join(place, 'report.html')}`];
      const key: Readonly<Record<string, string>> = apiKey === null ? {} : { SIGNALBOX_API_KEY: apiKey };
      const env = metricsToken === null ? key : { ...key, METRICS_TOKEN: metricsToken };
      const argv = ['npm', 'run', '--silent', 'load-test', '--', ...flags, ...files];
      const ran = await world.run([...argv, `--url=${target === 'compose' ? front : apis.join(',')}`], { withinMs: LOAD_WITHIN_MS, env });
      hold(ran.stdout.startsWith('{'), 'a result of the load test', ran.stderr || ran.stdout);
      return JSON.parse(ran.stdout) as MessageEntry;
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });
}

async function loaded(world: World) {
  const { offered, accepted, enqueued, repeats, lag, deadLetters: dead, stored: time, audit } = (await load(world)).figures;
  same([accepted, dead], [offered, 0], 'accepted and dead letters');
  same(
    Object.values(audit).reduce((sum, count) => sum + count, 0),
    0,
    'what the audit of every conversation found',
  );
  // Behind a balancer the processes are not to be asked one by one.
  if (enqueued !== null) same(enqueued, offered, 'enqueued, by the counters of the processes');
  // A tenth of what the objective is about is a normal day.
  hold(lag < 100 && repeats > 0, 'a lag below 100, and repeats', { lag, repeats });
  const seen = `10 s at 50/s over 100 conversations: ${accepted} accepted, ${enqueued ?? 'unknown how many'} enqueued, ${repeats} sent twice, stored within ${time.p95.toFixed(0)} ms (p95), lag at most ${lag}, each conversation whole, once and in order`;
  return { seen, open: 'its full length and rate: npm run load-test -- --workload=messages --file=load-test.yml' };
}

/** Processing at the 95th percentile, milliseconds, as the row has it. */
const STORED_P95_MS = 100;

async function inTime(world: World) {
  const { stored: time, http } = (await load(world)).figures;
  hold(time.p95 < STORED_P95_MS, `stored within ${STORED_P95_MS} ms of the accept (p95)`, `${time.p95.toFixed(0)} ms`);
  const { seen, open } = await loaded(world);
  return { seen: `${seen}; answered within ${http.p95.toFixed(0)} ms (p95)`, open };
}

/** The pause between two tries is kept short. */
const QUICK = { RETRY_BACKOFF_MS: '20', RETRY_BACKOFF_MAX_MS: '50', FAILPOINT: 'poison' };

async function retries(world: World): Promise<string> {
  const seen: string[] = [await settings()];
  for (const wanted of [0, 2]) {
    const { url } = await world.server({ ...QUICK, STREAM_MAX_RETRIES: String(wanted) });
    const { messageId } = await post(world, message({ content: 'poison-throws' }), url);
    const dead = await world.until('a dead letter', async () => {
      const { status, body } = await world.call<{ state: string; attempts: number }>(`${url}/api/v1/messages/${messageId}`);
      return status === 200 && body.state === 'failed' ? body : null;
    });
    same(dead.attempts, wanted + 1, `attempts with STREAM_MAX_RETRIES=${wanted}`);
    seen.push(`${wanted}: a handler that always fails was tried ${dead.attempts} times`);
  }
  return seen.join('; ');
}

/** It is how long a reader waits for something new, and not how long something new waits. */
async function pollIsNoSleep(world: World): Promise<string> {
  const said = await settings();
  const { url } = await world.server({ STREAM_POLL_INTERVAL_MS: '60000' });
  const first = message();
  await post(world, first, url);
  await stored(world, first['conversationId'], 1, url);
  const sentAt = performance.now();
  await post(world, { ...first, clientMessageId: 'second' }, url);
  await stored(world, first['conversationId'], 2, url);
  const took = performance.now() - sentAt;
  hold(took < 2_000, 'stored long before 60 s are over', `${took.toFixed(0)} ms`);
  return `${said}; at 60000 ms an idle reader had the next message stored after ${took.toFixed(0)} ms`;
}

/** What messages have in files and settings, and what a short load of them shows. */
export const MESSAGE_FILES: readonly Check[] = [
  { id: 'ENV-17', run: settings },
  { id: 'ENV-18', run: settings },
  { id: 'ENV-19', run: retries },
  { id: 'ENV-20', run: pollIsNoSleep },
  { id: 'ENV-21', run: settings },
  { id: 'FIL-06', run: dashboard },
  { id: 'DSH-02', run: dashboard },
  { id: 'FIL-07', run: rules },
  { id: 'FIL-12', run: loadFile },
  { id: 'LD-02', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'SLO-06', withinMs: LOAD_WITHIN_MS, run: inTime },
  { id: 'SLO-07', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'SLO-08', withinMs: LOAD_WITHIN_MS, run: loaded },
  { id: 'X-32', withinMs: LOAD_WITHIN_MS, run: loaded },
];
