import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startWatchers, type Watchers } from '../../../monitoring/watchers.js';
import { until } from '../../stage.js';
import { AFTER_LEASE_MS, type Drill, RESTART_MS } from '../drill.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';

/** A worker's death is told within a minute; a connection that is gone, half a minute after it has been for half a minute. */
const TOLD_WITHIN_MS = 60_000;
/** Alertmanager tells of what is over with the next message of its group, a minute later at most. */
const OVER_WITHIN_MS = 150_000;
/** Prometheus has seen everybody by then. */
const SETTLED_MS = 15_000;
/** Longer than the registry waits for one that is silent, and a scrape and an evaluation more. */
const QUIET_MS = 40_000;

/** One alert as Alertmanager told of it. */
interface Told {
  readonly receiver: string;
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: 'firing' | 'resolved';
  readonly at: number;
}

/** Takes what Alertmanager sends, as the pager, the chat and the rest would. */
async function listen() {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end();
      const { alerts } = JSON.parse(Buffer.concat(chunks).toString()) as {
        alerts: { status: Told['status']; labels: Record<string, string> }[];
      };
      const receiver = request.url?.slice(1) ?? '';
      for (const { status, labels } of alerts) told.push({ receiver, alert: labels['alertname'] ?? '', labels, status, at: Date.now() });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { told, address: (receiver: string) => `http://127.0.0.1:${port}/${receiver}`, close: () => server.close() };
}

type Listener = Awaited<ReturnType<typeof listen>>;

/**
 * Whether a fault reaches a person: the rules, intervals and routes that are shipped, in a real Prometheus and Alertmanager. A
 * process that is not there is no target, as the name of a container that is gone leads nowhere.
 */
export const alert: Drill = {
  name: 'alert',
  about:
    'a worker and Redis die; Prometheus and Alertmanager, as shipped, tell of it in time, and when it is over; scaling in is told to nobody',
  scale: { rate: 5, workers: 3 },
  async fault(stage) {
    const listener = await listen();
    const watchers = await startWatchers({ targets: () => targetsOf(stage), tell: listener.address });
    try {
      await perform(stage, watchers, listener);
    } finally {
      await watchers.stop();
      listener.close();
    }
  },
};

function targetsOf(stage: Stage) {
  const running = (members: readonly Member[]) =>
    members.filter((member) => member.running).map(({ name, url }) => ({ name, address: new URL(url).host }));
  return { api: running(stage.apis), worker: running(stage.workers) };
}

async function perform(stage: Stage, watchers: Watchers, listener: Listener): Promise<void> {
  const all = stage.members.length;
  const seen = await until(SETTLED_MS * 2, async () => (await watchers.ask('up{job=~"api|worker"} == 1')).length === all);
  if (!seen) stage.fail(`Prometheus does not see all ${all} processes`);
  await heard(stage, listener, 'Watchdog', 'dead-mans-switch', Date.now());

  await scaleIn(stage, watchers, listener);

  const [worker] = stage.workers as [Member, ...Member[]];
  const killed = Date.now();
  await worker.kill();
  stage.struck(`${worker.name}: kill -9`, killed, stage.leaseMs + AFTER_LEASE_MS);
  await heard(stage, listener, 'WorkerDown', 'pager', killed);
  const back = Date.now();
  await worker.start();
  await over(stage, listener, 'WorkerDown', back);

  const { redis } = stage.servers;
  const away = Date.now();
  await stage.fault('Redis is away', RESTART_MS, async () => {
    await redis.kill();
    await heard(stage, listener, 'RedisConnectionFailure', 'pager', away);
    await redis.start();
  });
  await over(stage, listener, 'RedisConnectionFailure', Date.now());
}

/** One that leaves in order leaves no target and no alarm. */
async function scaleIn(stage: Stage, watchers: Watchers, { told }: Listener): Promise<void> {
  const last = stage.workers.at(-1) as Member;
  const from = told.length;
  await last.stop();
  stage.say(`${last.name} is scaled in: nothing may be heard of it`);
  await stage.pass(QUIET_MS);
  const down = await watchers.ask('up == 0');
  if (down.length > 0) stage.fail(`after scaling in, targets are down: ${JSON.stringify(down)}`);
  const heardOf = told.slice(from).filter(({ labels }) => labels['severity'] === 'critical' && labels['job'] !== 'rabbitmq');
  if (heardOf.length > 0) stage.fail(`after scaling in, told of ${heardOf.map((each) => each.alert).join(', ')}`);
  await last.start();
}

async function heard(stage: Stage, { told }: Listener, name: string, receiver: string, since: number): Promise<void> {
  const find = (): Told | undefined =>
    told.find(
      (each) => each.alert === name && each.receiver === receiver && each.status === 'firing' && (each.at >= since || name === 'Watchdog'),
    );
  await until(TOLD_WITHIN_MS, async () => find() !== undefined);
  const found = find();
  if (found === undefined) return stage.fail(`${name} did not reach ${receiver} within ${TOLD_WITHIN_MS / 1000} s`);
  stage.say(`${name} reached ${receiver} after ${seconds(found.at - since)}`);
  stage.figure(`${name} told`, seconds(Math.max(0, found.at - since)));
}

async function over(stage: Stage, { told }: Listener, name: string, since: number): Promise<void> {
  const find = (): Told | undefined => told.find((each) => each.alert === name && each.status === 'resolved' && each.at >= since);
  await until(OVER_WITHIN_MS, async () => find() !== undefined);
  const found = find();
  if (found === undefined) return stage.fail(`${name} was not told to be over within ${OVER_WITHIN_MS / 1000} s`);
  stage.say(`${name} was told to be over after ${seconds(found.at - since)}`);
  stage.figure(`${name} over`, seconds(found.at - since));
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
