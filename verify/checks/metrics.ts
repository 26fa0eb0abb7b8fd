import { type Check, hold, same } from '../check.js';
import { accept, fresh, reaches, Sink } from '../notify.js';
import { allMetrics, metricsIn, metricsText, processes, resources } from '../reading.js';
import type { World } from '../world.js';
import { deadLetter } from './desk.js';
import { collected } from './monitoring.js';

/** Numbers are read as Go's ParseFloat does, in which NaN is so in any case; the client library writes Nan. */
const SAMPLE = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)*\})? (NaN|Nan|[+-]Inf|[+-]?[0-9.e+-]+)$/;

/** The grammar of the text format: what promtool would refuse is refused here too. */
function wellFormed(text: string, where: string): number {
  const lines = text.split('\n').filter((line) => line !== '');
  const samples = lines.filter((line) => !line.startsWith('#'));
  for (const line of samples) hold(SAMPLE.test(line), `samples in Prometheus’ text format at ${where}`, line);
  hold(samples.length > 20 && lines.some((line) => line.startsWith('# TYPE ')), `metrics at ${where}`, `${samples.length} samples`);
  return samples.length;
}

async function textOrJson(world: World): Promise<string> {
  for (const origin of processes(world)) {
    const plain = await world.expect(200, `${origin}/metrics`);
    hold(plain.headers.get('content-type')?.startsWith('text/plain') === true, 'text by default', plain.headers.get('content-type'));
    wellFormed(plain.text, origin);
    const json = await world.expect<readonly { name: string }[]>(200, `${origin}/metrics`, { headers: { accept: 'application/json' } });
    hold(json.headers.get('content-type')?.includes('json') === true, 'JSON by Accept', json.headers.get('content-type'));
    hold(
      Array.isArray(json.body) && json.body.some(({ name }) => name === 'signalbox_claims_total'),
      'the same metrics as JSON',
      json.text,
    );
  }
  return `text by default, JSON by Accept, at ${processes(world).length} processes`;
}

async function alwaysText(world: World): Promise<string> {
  let samples = 0;
  for (const origin of processes(world)) {
    const answer = await world.expect(200, `${origin}/metrics/prometheus`, { headers: { accept: 'application/json' } });
    hold(
      answer.headers.get('content-type')?.startsWith('text/plain') === true,
      'text whatever is accepted',
      answer.headers.get('content-type'),
    );
    samples += wellFormed(answer.text, `${origin}/metrics/prometheus`);
  }
  return `${samples} well-formed samples at ${processes(world).length} processes, though JSON was asked for`;
}

/** Five refusals in a row open it; once the provider is well again, it closes by itself. */
async function breaker(world: World): Promise<string> {
  const server = await world.server({
    BREAKER_FAILURES: '3',
    BREAKER_OPEN_MS: '1000',
    RETRY_BACKOFF_MS: '50',
    RETRY_BACKOFF_MAX_MS: '200',
    MAX_RETRY_ATTEMPTS: '20',
  });
  const state = async (): Promise<number | null> => metricsIn(await metricsText(world, server.url))('circuit_breaker_state', 'name="');
  const script = { channel: 'webhook', steps: [], then: { do: 'status', status: 503 } };
  await world.expect(200, `${server.url}/sink/behaviour`, { method: 'PUT', body: script });
  const change = { channels: ['webhook'], to: { webhook: `${server.url}/sink/webhook/ill` } };
  const id = await accept(world, change, server.url);
  await world.until('circuit_breaker_state to be 2 (open)', async () => (await state()) === 2);
  await world.expect(204, `${server.url}/sink/behaviour`, { method: 'DELETE' });
  await reaches(world, id, 'delivered', 30_000, server.url);
  await world.until('circuit_breaker_state to be 0 (closed) again', async () => (await state()) === 0);
  const text = await metricsText(world, server.url);
  hold(
    /# HELP circuit_breaker_state .*0 closed, 1 half-open, 2 open/.test(text),
    'the encoding in the help text',
    /# HELP circuit.*/.exec(text)?.[0],
  );
  return 'open (2) after failures in a row, closed (0) by itself when the provider is well, what waited is delivered';
}

/** These must be there, and one more notification must show in those that move. */
async function ofNotifications(world: World): Promise<string> {
  const moving = [
    'signalbox_accepted_total',
    'signalbox_claims_total',
    'signalbox_attempts_total',
    'signalbox_deliveries_settled_total',
    'signalbox_accept_to_delivered_seconds_count',
    'signalbox_due_to_delivered_seconds_count',
  ];
  const before = await allMetrics(world);
  await reaches(world, await accept(world), 'delivered');
  const key = fresh('key');
  await world.expect(202, '/api/v1/notifications', {
    method: 'POST',
    body: { userId: 'verify', channels: ['in-app'], body: 'x', idempotencyKey: key },
  });
  await world.expect(200, '/api/v1/notifications', {
    method: 'POST',
    body: { userId: 'verify', channels: ['in-app'], body: 'x', idempotencyKey: key },
  });
  await deadLetter(world);
  await world.until('the counters to have moved', async () => {
    const after = await allMetrics(world);
    return moving.every((name) => (after(name) ?? 0) > (before(name) ?? 0));
  });
  const after = await allMetrics(world);
  for (const [name, having] of [
    ['idempotency_hit_total', 'operation="ingress"'],
    ['signalbox_queue_depth', 'state="waiting"'],
    ['signalbox_deliveries_settled_total', 'status="dead"'],
  ] as const) {
    hold(after(name, having) !== null, `${name}{${having}}`, 'not there');
  }
  return `${moving.length} counters moved with one notification; repeats, dead letters and queue depth are counted`;
}

/** Names that must be in the text of every process. */
async function presentEverywhere(world: World, names: readonly string[]): Promise<string> {
  for (const origin of processes(world)) {
    const metrics = metricsIn(await metricsText(world, origin));
    for (const name of names) hold(metrics(name) !== null, `${name} at ${origin}`, 'not there');
  }
  return `${names.length} metrics at ${processes(world).length} processes: ${names.join(', ')}`;
}

const OF_A_PROCESS = [
  'process_start_time_seconds',
  'process_resident_memory_bytes',
  'process_cpu_seconds_total',
  'signalbox_queue_depth',
  'signalbox_claims_total',
];

async function processMetrics(world: World): Promise<string> {
  const seen = await presentEverywhere(world, OF_A_PROCESS);
  const all = await allMetrics(world);
  hold((all('signalbox_http_request_duration_seconds_bucket') ?? 0) > 0, 'a histogram of response times', 'no observations');
  return `${seen}; response times as a histogram`;
}

async function machine(world: World): Promise<string> {
  const names = [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'signalbox_disk_operations_total',
    'signalbox_network_bytes_total',
  ];
  const cluster = ['signalbox_store_connections', 'signalbox_redis_connections', 'signalbox_backlog_age_seconds'];
  return presentEverywhere(world, world.site.target === 'embedded' ? names : [...names, ...cluster]);
}

async function pools(world: World) {
  const sinkless = world.site.sink === null;
  if (!sinkless) {
    const sink = Sink.of(world);
    const name = fresh('retry');
    const before = (await allMetrics(world))('signalbox_retries_total') ?? 0;
    await sink.behave(name, [{ do: 'status', status: 503 }]);
    await reaches(world, await accept(world, sink.to(name)), 'delivered', 30_000);
    const after = await allMetrics(world);
    hold(
      (after('signalbox_retries_total') ?? 0) > before,
      'signalbox_retries_total to have moved with a retry',
      after('signalbox_retries_total'),
    );
  }
  await presentEverywhere(world, ['signalbox_lock_conflicts_total', 'signalbox_leases_reclaimed_total', 'signalbox_fenced_total']);
  const all = await allMetrics(world);
  if (world.site.target !== 'embedded') {
    for (const state of ['open', 'in_use', 'limit'])
      hold(all('signalbox_store_connections', `state="${state}"`) !== null, `connections: ${state}`, 'not there');
  }
  hold(all('signalbox_deliveries', 'status="dead"') !== null, 'dead letters as a gauge', 'not there');
  return {
    seen: `retries ${sinkless ? 'there' : 'move'}, lock conflicts, reclaimed leases, dead letters, pool`,
    open: 'cache hits and misses come with positions',
  };
}

/** Two scrapes differ, at every process. */
async function scrapesDiffer(world: World): Promise<string> {
  const origins = processes(world);
  const before = await Promise.all(origins.map((origin) => metricsText(world, origin)));
  await world.pause(15_000);
  const after = await Promise.all(origins.map((origin) => metricsText(world, origin)));
  origins.forEach((origin, at) => {
    const cpu = (text: string | undefined): number => metricsIn(text ?? '')('process_cpu_seconds_total') ?? Number.NaN;
    hold(cpu(after[at]) > cpu(before[at]), `process_cpu_seconds_total of ${origin} to have moved in 15 s`, [
      cpu(before[at]),
      cpu(after[at]),
    ]);
  });
  const seen = `two scrapes 15 s apart differ at ${origins.length} processes`;
  return world.site.prometheus === null ? seen : `${seen}; ${await collected(world)}`;
}

async function dlqEverywhere(world: World) {
  const { deliveryId } = await deadLetter(world);
  const gauge = await world.until('the gauge of dead letters to show it', async () =>
    (await allMetrics(world))('signalbox_deliveries', 'status="dead"'),
  );
  hold(gauge > 0, 'signalbox_deliveries{status="dead"} above 0', gauge);
  const { body } = await world.expect<{ ledger: readonly object[]; lineage: readonly object[] }>(200, `/api/v1/dead-letters/${deliveryId}`);
  hold(Array.isArray(body.ledger) && body.lineage.length === 1, 'attempts and lineage of a dead letter', body);
  await world.expect(202, `/api/v1/dead-letters/${deliveryId}/redrive`, { method: 'POST', body: {} });
  return {
    seen: `a dead letter is counted, inspected and redriven (${gauge} in the store)`,
    open: 'of notifications; messages: MSG-06; positions and jobs are not built yet',
  };
}

async function restarts(world: World): Promise<string> {
  const all = await allMetrics(world);
  same(all('worker_restarts_total'), 0, 'worker_restarts_total of all processes');
  const uptimes = await Promise.all(processes(world).map(async (origin) => (await resources(world, origin)).uptimeSeconds));
  return `no process was restarted; the youngest is ${Math.min(...uptimes)} s old`;
}

/** What is measured through `/metrics`. */
export const METRICS: readonly Check[] = [
  { id: 'REL-11', run: restarts },
  { id: 'API-06', run: textOrJson },
  { id: 'API-07', run: alwaysText },
  { id: 'MET-04', run: breaker },
  { id: 'REL-05', run: breaker },
  { id: 'REL-06', run: dlqEverywhere },
  { id: 'MET-11', run: ofNotifications },
  { id: 'MET-12', run: processMetrics },
  { id: 'MET-14', run: machine },
  { id: 'MET-16', run: pools },
  { id: 'MET-18', run: scrapesDiffer },
  { id: 'X-07', run: textOrJson },
];
