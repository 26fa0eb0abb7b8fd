import { ClusterClient } from '../../src/cli/cluster-client.js';
import { type Check, hold, same, Unmeasured } from '../check.js';
import { accept, acceptMany, allReach, delivery, fresh, NOTIFICATIONS, reaches, request, Sink } from '../notify.js';
import { allMetrics, workerHealth } from '../reading.js';
import type { ServerName, Stoppable } from '../site.js';
import type { World } from '../world.js';

const OWN = 'a cluster of this run’s own is needed, to take something away from it: measured with --target cluster, and by npm run drill';
const HERE = { on: ['cluster'], elsewhere: OWN, disturbs: true, withinMs: 180_000 } as const;
const BACK_WITHIN_MS = 60_000;

/** @throws Unmeasured where the servers are somebody’s own */
function ownServers({ site }: World): Readonly<Record<ServerName, Stoppable>> {
  if (site.servers === null)
    throw new Unmeasured('this cluster is not of this run’s own: stop it, and verify starts one that it may disturb');
  return site.servers;
}

/** A server goes for a moment and comes back: what was accepted before, meanwhile and afterwards is delivered, once. */
async function restart(world: World, name: ServerName): Promise<string> {
  const server = ownServers(world)[name];
  const before = (await allMetrics(world))('signalbox_reconnects_total') ?? 0;
  const ids = [...(await acceptMany(world, 20, () => ({})))];
  world.atEnd(() => server.start().catch(() => undefined));
  await server.stop();
  const meanwhile = new Map<number, number>();
  const keys = Array.from({ length: 10 }, () => fresh('meanwhile'));
  const post = (idempotencyKey: string) =>
    world.call<{ notificationId: string }>(NOTIFICATIONS, { method: 'POST', body: request({ userId: 'verify-restart', idempotencyKey }) });
  for (const key of keys) {
    const { status, headers } = await post(key);
    meanwhile.set(status, (meanwhile.get(status) ?? 0) + 1);
    hold(status === 202 || (status === 503 && headers.has('retry-after')), '202, or 503 with Retry-After', status);
  }
  await server.start();
  const since = performance.now();
  await world.until('healthy again', async () => (await world.call('/health')).status === 200, BACK_WITHIN_MS);
  const healthyMs = Math.round(performance.now() - since);
  // Repeated under its key, as a client does that was told to come again.
  for (const key of keys) {
    const id = await world.until('a repeat to be accepted', async () => {
      const { status, body, headers } = await post(key);
      hold(status === 200 || status === 202 || (status === 503 && headers.has('retry-after')), '2xx, or 503 with Retry-After', status);
      return status === 503 ? null : body.notificationId;
    });
    ids.push(id);
  }
  const told = await allReach(world, ids, 'delivered', BACK_WITHIN_MS);
  for (const one of told)
    same(delivery(one).attempts.filter(({ result }) => result === 'delivered').length, 1, `effects of ${one.notificationId}`);
  await world.until(
    'signalbox_reconnects_total to have risen',
    async () => ((await allMetrics(world))('signalbox_reconnects_total') ?? 0) > before,
  );
  hold(
    (await world.site.logs()).some((line) => /reconnect/i.test(line)),
    'a log line that holds "reconnect"',
    'none',
  );
  const answers = [...meanwhile].map(([status, count]) => `${count} × ${status}`).join(', ');
  return `meanwhile ${answers}; healthy ${healthyMs} ms after its return; ${told.length} of ${ids.length} delivered once; "reconnect" in the log`;
}

/** One of five dies while it holds work. */
async function workerCrash(world: World) {
  ownServers(world);
  const control = new ClusterClient(world.site.clusterDirectory ?? '');
  const sink = Sink.of(world);
  const name = fresh('slow');
  await sink.behave(name, [{ do: 'delay', delayMs: 1_500, times: 40 }]);
  const ids = await acceptMany(world, 40, () => sink.to(name));
  const victim = (await control.status()).processes.find((one) => one.kind === 'worker' && one.pid !== null);
  if (victim?.pid == null) throw new Unmeasured('no worker with a process id');
  world.note({ killed: victim });
  process.kill(victim.pid, 'SIGKILL');
  const told = await allReach(world, ids, 'delivered', 90_000);
  const repeats: number[] = [];
  for (const one of told) {
    const [effect, ...more] = await sink.effects(delivery(one).operationId);
    hold(effect !== undefined && more.length === 0, `one effect of ${one.notificationId}`, more.length + 1);
    repeats.push(effect.duplicates);
  }
  const origin = `http://127.0.0.1:${victim.port}`;
  await world.until(
    `${victim.name} to be back`,
    async () => (await world.call(`${origin}/readyz`).catch(() => null))?.status === 200,
    BACK_WITHIN_MS,
  );
  same((await workerHealth(world, origin)).worker.workerId, victim.name, 'the name of the restarted worker');
  const absorbed = repeats.reduce((sum, one) => sum + one, 0);
  return `${victim.name} killed with 40 under way: 40 delivered, one effect each (${absorbed} repeats absorbed under their id), and it is back`;
}

/** What is under way at SIGTERM is finished or handed back. */
async function graceful(world: World): Promise<string> {
  const server = await world.server({ DRAIN_TIMEOUT_MS: '8000' });
  const script = { channel: 'webhook', name: 'slow', steps: [{ do: 'delay', delayMs: 1_000, times: 20 }] };
  await world.expect(200, `${server.url}/sink/behaviour`, { method: 'PUT', body: script });
  const change = { channels: ['webhook'], to: { webhook: `${server.url}/sink/webhook/slow` } };
  const ids = await Promise.all(Array.from({ length: 10 }, () => accept(world, change, server.url)));
  await reaches(world, ids[0] ?? '', 'processing', undefined, server.url).catch(() => undefined);
  // Its data directory is to outlive it.
  process.kill(server.pid, 'SIGTERM');
  const since = performance.now();
  const { code } = await server.ended;
  const tookMs = Math.round(performance.now() - since);
  same(code, 0, 'the exit code');
  hold(tookMs < 10_000, 'an end within its drain time', `${tookMs} ms`);
  // On the same port: what was handed back is sent to the sink at that address.
  const next = await world.server({ DATA_DIR: server.dataDir, SERVER_PORT: new URL(server.url).port });
  let repeated = 0;
  for (const id of ids) {
    const told = await world.until(`${id} at rest`, async () => {
      const { body } = await world.call<Awaited<ReturnType<typeof reaches>>>(`${next.url}${NOTIFICATIONS}/${id}`);
      return ['delivered', 'dead', 'held'].includes(body.status) ? body : null;
    });
    same(told.status, 'delivered', `the state of ${id}`);
    repeated += delivery(told).attempts.length - 1;
  }
  return `SIGTERM with 10 under way: ended with 0 after ${tookMs} ms, 10 of 10 delivered, ${repeated} of them by the next start`;
}

/** Everything at once, as somebody on call would ask. */
async function overall(world: World): Promise<string> {
  const { apis, workers, prometheus, grafana, alertmanager } = world.site;
  const asked = [world.site.balancer ?? world.site.front, ...apis, ...workers].map((origin) => `${origin}/health`);
  if (prometheus !== null) asked.push(`${prometheus}/-/healthy`);
  if (alertmanager !== null) asked.push(`${alertmanager}/-/healthy`);
  if (grafana !== null) asked.push(`${grafana.url}/api/health`);
  for (const url of new Set(asked)) {
    const { body, text } = await world.expect(200, url);
    if (url.endsWith('/health') && !url.endsWith('/api/health')) same(body?.['status'], 'healthy', `the status at ${url}`);
    else hold(/healthy|ok/i.test(text), `${url} to say that it is well`, text);
  }
  await reaches(world, await accept(world), 'delivered');
  return `${new Set(asked).size} healthy, and the queue is worked on`;
}

/** A mail relay that goes silent after it has taken the mail: nobody knows, so nobody sends again. */
async function unknownOutcome(world: World): Promise<string> {
  const server = await world.server();
  const email = `${fresh('lost')}@example.org`;
  const script = { channel: 'email', name: email, steps: [{ do: 'drop-reply' }] };
  await world.expect(200, `${server.url}/sink/behaviour`, { method: 'PUT', body: script });
  const id = await accept(world, { channels: ['email'], to: { email } }, server.url);
  const held = await reaches(world, id, 'held', 30_000, server.url);
  const listed = await world.expect<{ data: readonly { recordId: string }[] }>(200, `${server.url}/api/v1/held`);
  hold(
    listed.body.data.some(({ recordId }) => recordId === id),
    'it to be listed',
    listed.body.data,
  );
  const { body } = await world.expect<{ effects: readonly { operationId: string }[] }>(
    200,
    `${server.url}/sink/deliveries?operationId=${delivery(held).operationId}`,
  );
  same(body.effects.length, 1, 'mails in the mailbox');
  const text = (await world.expect(200, `${server.url}/metrics`)).text;
  hold(/signalbox_deliveries\{status="held"\} 1/.test(text), 'held ones to be counted', 'not there');
  return 'a mail whose answer was lost is held, listed and counted, and sent once';
}

/** How the fleet behaves when something is taken away from it. */
export const RELIABILITY: readonly Check[] = [
  { id: 'REL-01', ...HERE, run: workerCrash },
  { id: 'REL-02', ...HERE, run: (world) => restart(world, 'mongodb') },
  { id: 'REL-03', ...HERE, run: (world) => restart(world, 'rabbitmq') },
  { id: 'REL-04', ...HERE, run: (world) => restart(world, 'redis') },
  { id: 'X-15', ...HERE, run: (world) => restart(world, 'redis') },
  { id: 'REL-07', run: graceful },
  { id: 'REL-13', run: overall },
  { id: 'X-42', run: unknownOutcome },
];
