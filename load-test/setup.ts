import { randomUUID } from 'node:crypto';
import { ensureBuilt } from '../bench/built.js';
import { Client } from './client.js';
import { countOf } from './fleet.js';
import { constantTimes, OpenLoop } from './generator.js';
import { type ChannelName, COLD_MS, COLD_WARM_UP_S, type Options, RECEIVER_PORT, WARM_UP_RATE } from './options.js';
import { InboxReceiver, type OwnReceiver, type Receiver, SinkReceiver, startOwnReceiver } from './receiver.js';
import { readRecords } from './records.js';
import { now } from './stats.js';
import { findTarget, RunError, startTarget, type Target } from './target.js';

/** Everything a scenario needs. */
export interface Setup {
  readonly target: Target;
  readonly client: Client;
  readonly receivers: ReadonlyMap<ChannelName, Receiver>;
  /** For a person: who receives. */
  readonly receiverName: string;
  end(): Promise<void>;
}

const PROBE_WITHIN_MS = 15_000;
const PROBES = 8;
const SINK_CONNECTIONS = 4;

/** Finds or starts the server and its receivers, and brings a few notifications through. @throws RunError */
export async function setUp(options: Options, say: (line: string) => void): Promise<Setup> {
  const found = await findTarget(options.urls);
  const own = options.receiver === null ? found === null || !(await hasSink(found)) : options.receiver === 'own';
  const port = options.receiverPort ?? (found === null ? 0 : RECEIVER_PORT);
  const ownReceiver = own && options.channels.includes('webhook') ? await receiverOn(port) : null;
  let target: Target | undefined;
  let client: Client | undefined;
  let receivers: Map<ChannelName, Receiver> | undefined;
  const end = async (): Promise<void> => {
    await client?.close();
    await ownReceiver?.end();
    await Promise.all([...new Set(receivers?.values())].filter((receiver) => receiver !== ownReceiver).map((receiver) => receiver.end()));
    await target?.stop();
  };
  try {
    if (found === null) ensureBuilt();
    target = found ?? (await startTarget(ownReceiver === null ? [] : [`127.0.0.1:${ownReceiver.port}`]));
    client = new Client(target.urls);
    receivers = await receiversOf(options.channels, ownReceiver, client);
    const receiverName = ownReceiver === null ? 'the sink of the server' : `a receiver of its own on port ${ownReceiver.port}`;
    say(`target: ${nameOf(target)}; received by ${receiverName}`);
    await bringThrough(client, receivers, options, target, ownReceiver?.port ?? null, say);
    return { target, client, receivers, receiverName, end };
  } catch (error) {
    await end();
    throw error;
  }
}

function nameOf({ urls, own, fleet }: Target): string {
  const where = urls.join(', ');
  if (own) return `${where} (a server of its own, started for this run)`;
  if (fleet.kind === 'embedded') return `${where} (one process, embedded store)`;
  return `${where} (a cluster of ${fleet.members.length} processes: ${countOf(fleet, 'api')} with the role api, ${countOf(fleet, 'worker')} with worker)`;
}

const SINK_ASKED = '/sink/deliveries?since=99999999999999';

async function hasSink({ urls }: Target): Promise<boolean> {
  const client = new Client([urls[0]], 1);
  try {
    return (await client.get(SINK_ASKED)).status === 200;
  } finally {
    await client.close();
  }
}

/** @throws RunError */
async function receiverOn(port: number): Promise<OwnReceiver> {
  try {
    return await startOwnReceiver(port);
  } catch (error) {
    if (!/EADDRINUSE/.test(String(error))) throw error;
    throw new RunError(`port ${port}, on which webhooks are to be received, is taken: is another load test running?`);
  }
}

/** A few, to see that they arrive; then, where the server is cold, a load of which nothing is measured. */
async function bringThrough(
  client: Client,
  receivers: ReadonlyMap<ChannelName, Receiver>,
  options: Options,
  target: Target,
  ownPort: number | null,
  say: (line: string) => void,
): Promise<void> {
  const hint = ownPort === null ? '' : `: is WEBHOOK_ALLOW=127.0.0.1:${ownPort} set there?`;
  const few = Array.from({ length: PROBES * options.channels.length }, (_, n) => n * 20);
  await probe(client, receivers, options.channels, few, hint);
  const youngest = Math.max(...target.fleet.members.map(({ startedAt }) => startedAt));
  const warmUp = options.warmUp ?? (target.own || Date.now() - youngest < COLD_MS ? COLD_WARM_UP_S : 0);
  if (warmUp === 0) return;
  const rate = Math.max(options.rate, WARM_UP_RATE);
  say(`warm-up: ${rate} /s for ${warmUp} s, not measured`);
  // A cold fleet may be too slow for some of it, and says so: nothing of this is measured.
  await probe(client, receivers, options.channels, [...constantTimes(rate, warmUp * 1000)], hint, 'cold');
}

async function receiversOf(channels: readonly ChannelName[], own: Receiver | null, client: Client): Promise<Map<ChannelName, Receiver>> {
  const receivers = new Map<ChannelName, Receiver>();
  for (const channel of channels) {
    if (channel === 'webhook' && own !== null) receivers.set(channel, own);
    else if (channel === 'in-app') receivers.set(channel, new InboxReceiver(client));
    else {
      // Each process has a sink of its own: always the same is asked.
      const one = new Client([client.url], SINK_CONNECTIONS);
      if ((await one.get(SINK_ASKED)).status !== 200) {
        await one.close();
        throw new RunError(
          `the server at ${client.url} has no sink (SINK=on) to receive ${channel}: start it with one, or for webhooks use --receiver own`,
        );
      }
      const { status, body } = await one.get<{ readonly address: string | null }>('/sink/address');
      const sink = new SinkReceiver(one, channel, status === 200 ? body.address : null);
      await sink.skip();
      receivers.set(channel, sink);
    }
  }
  return receivers;
}

/** Before what is measured: does what is sent arrive? Also loads what a server loads with its first delivery. */
async function probe(
  client: Client,
  receivers: ReadonlyMap<ChannelName, Receiver>,
  channels: readonly ChannelName[],
  times: readonly number[],
  webhookHint: string,
  server: 'warm' | 'cold' = 'warm',
): Promise<void> {
  const generator = new OpenLoop(client, `probe-${randomUUID().slice(0, 8)}`, receivers);
  await generator.play({ name: 'probe', times, userOf: (n) => `load_probe_${n % 3}`, channels, repeatEvery: 0 }, now());
  const [refused] = generator.items.filter(({ error }) => error !== null);
  if (refused !== undefined && server === 'warm')
    throw new RunError(`the server at ${client.url} does not accept notifications: ${refused.error}`);
  // Nothing arrives from an inbox that we would not ask for: what was accepted is to be at rest.
  const inboxes = generator.items.flatMap(({ channel, recordId }) => (channel === 'in-app' && recordId !== null ? [recordId] : []));
  await readRecords(client, inboxes, PROBE_WITHIN_MS);
  for (const channel of channels) {
    if (channel === 'in-app') continue;
    const expected = generator.items.filter((item) => item.channel === channel && item.error === null).length;
    let arrived = 0;
    for (const giveUpAt = now() + PROBE_WITHIN_MS; arrived < expected && now() < giveUpAt; ) {
      arrived += (await receivers.get(channel)?.poll())?.length ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (arrived >= expected) continue;
    const hint = channel === 'webhook' ? webhookHint : '';
    throw new RunError(`${expected - arrived} of ${expected} ${channel} notifications to ${client.url} never arrived${hint}`);
  }
}
