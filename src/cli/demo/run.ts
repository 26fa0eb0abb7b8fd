import type { ApiClient } from '../api-client.js';
import { remark } from '../command.js';
import { withBar } from '../progress.js';
import { eachOf, type Fed, feed } from './feed.js';
import { choicesOf, wakesAt } from './people.js';
import { loadQuakes } from './quakes.js';
import { SinkWatch } from './sink-watch.js';
import { type Alert, alertsFor, SUBSCRIBERS, type Subscriber } from './subscribers.js';
import { type Summary, summarise, type Told } from './verdict.js';

export interface RunOptions {
  readonly limit?: number;
  readonly concurrency: number;
  /** Waits for the end of the quiet hours that end soon. */
  readonly waitForWindows?: true;
}

const AT_REST: ReadonlySet<string> = new Set(['delivered', 'skipped', 'expired', 'cancelled', 'dead', 'held']);
const QUIET_HOURS = 'quiet-hours';
/** So long may one delivery take from the last post, or from the moment it was set free; what is open then is reported as open. */
const REST_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 200;
const PAGE = 100;

/** What the demo's server says of what it was fed, and of whom. */
interface Run {
  readonly client: ApiClient;
  readonly fed: Fed;
  readonly concurrency: number;
  readonly quiet: boolean;
  /** By notification id, as last told. */
  readonly told: Map<string, Told | null>;
}

/** People choose, the earth quakes, people are told: and in the end everybody's account is held against the others'. */
export async function runDemo(client: ApiClient, options: RunOptions, quiet: boolean): Promise<Summary> {
  const { limit, concurrency, waitForWindows } = options;
  const alerts = alertsFor(await loadQuakes()).slice(0, limit);
  const watch = new SinkWatch(client);
  await watch.start();
  const people = peopleOf(alerts);
  const startedAt = Date.now();
  const quietUntil = await choose(client, people, startedAt, concurrency);
  const fed = await withBar('posts', alerts.length, quiet, (step) => feed(client, alerts, concurrency, step));
  for (const line of fed.refused.slice(0, 5)) remark(line);
  const run: Run = { client, fed, concurrency, quiet, told: new Map() };
  await settle(
    run,
    'deliveries',
    fed.answered.map(({ id }) => id),
    (told) => told.deliveries.every(isSettledOrQuiet),
  );
  if (waitForWindows === true) await untilAwake(run, people, startedAt);
  const released = new Set(quietDeliveries(run, () => true));
  for (const [userId, at] of await changeMinds(run, released, people)) quietUntil.set(userId, Math.min(at, quietUntil.get(userId) ?? at));
  await settle(run, 'released', waitingIds(run), (told) => told.deliveries.every(isAtRest));
  await watch.stop();
  await askAfterUnseen(watch, run);
  const [rules, inboxes] = [await rulesOf(run, people), await inboxesOf(client, people)];
  const timesTaken = (operationId: string): number => watch.timesTaken(operationId) + (inboxes.get(operationId) ?? 0);
  return summarise({ fed, told: run.told, rules, released, quietUntil, timesTaken, missed: watch.missed });
}

/** Those whom these alerts concern. */
function peopleOf(alerts: readonly Alert[]): readonly Subscriber[] {
  const concerned = new Set(alerts.map(({ userId }) => userId));
  return SUBSCRIBERS.filter(({ id }) => concerned.has(id));
}

/** Everybody says where, when and of what they want to hear. Gives until when those who sleep are not to be disturbed. */
async function choose(client: ApiClient, people: readonly Subscriber[], now: number, concurrency: number): Promise<Map<string, number>> {
  const until = new Map<string, number>();
  await eachOf(people, concurrency, async (person) => {
    await put(client, person.id, choicesOf(person, now, `${client.url}/sink`));
    if (person.rest === 'waking') until.set(person.id, wakesAt(person, now));
    if (person.rest === 'asleep') until.set(person.id, Number.POSITIVE_INFINITY);
  });
  return until;
}

/** The moment of the change on the server's clock. */
async function put(client: ApiClient, userId: string, choices: unknown): Promise<number> {
  const { body } = await client.send<{ readonly updatedAt: string }>('PUT', `/api/v1/users/${userId}/preferences`, choices);
  return Date.parse(body.updatedAt);
}

type ToldDelivery = Told['deliveries'][number];

function isAtRest({ status }: ToldDelivery): boolean {
  return AT_REST.has(status);
}

function isQuiet({ status, reason }: ToldDelivery): boolean {
  return status === 'deferred' && reason === QUIET_HOURS;
}

function isSettledOrQuiet(delivery: ToldDelivery): boolean {
  return isAtRest(delivery) || isQuiet(delivery);
}

/** Waits until each of these is as wanted, for as long as is reasonable, and keeps what the server then says of it. */
async function settle(
  { client, concurrency, quiet, told }: Run,
  name: string,
  ids: readonly string[],
  enough: (told: Told) => boolean,
): Promise<void> {
  if (ids.length === 0) return;
  const giveUpAt = performance.now() + REST_WITHIN_MS;
  await withBar(name, ids.length, quiet, (step) =>
    eachOf(ids, concurrency, async (id) => {
      for (;;) {
        const record = await client.find<Told>(`/api/v1/notifications/${id}`);
        told.set(id, record);
        if (record === null || enough(record) || performance.now() > giveUpAt) break;
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      }
      step();
    }),
  );
}

/** Notifications of which something waits for the end of quiet hours. */
function waitingIds({ told }: Run): readonly string[] {
  return [...told].flatMap(([id, record]) => (record?.deliveries.some((delivery) => !isAtRest(delivery)) === true ? [id] : []));
}

function quietDeliveries({ fed, told }: Run, of: (userId: string) => boolean): readonly string[] {
  return fed.answered
    .filter(({ alert }) => of(alert.userId))
    .flatMap(({ id }) => (told.get(id)?.deliveries ?? []).filter(isQuiet).map(({ deliveryId }) => deliveryId));
}

/** The windows that end soon do end, and what waited for that goes out. */
async function untilAwake(run: Run, people: readonly Subscriber[], startedAt: number): Promise<void> {
  const waking = people.filter(({ rest }) => rest === 'waking');
  const names = new Set(waking.map(({ id }) => id));
  const waiting = new Set(waitingIds(run));
  const ids = run.fed.answered.filter(({ alert, id }) => names.has(alert.userId) && waiting.has(id)).map(({ id }) => id);
  if (ids.length === 0) return;
  const end = Math.max(...waking.map((person) => wakesAt(person, startedAt)));
  if (!run.quiet) remark(`${ids.length} notifications wait for the end of quiet hours, at ${new Date(end).toISOString()} at the latest`);
  await settle(run, 'windows', ids, (told) => told.deliveries.every(isAtRest));
}

/** Those for whom something still waits give up their quiet hours: a change applies to what is already waiting. */
async function changeMinds(run: Run, released: ReadonlySet<string>, people: readonly Subscriber[]): Promise<ReadonlyMap<string, number>> {
  const waiting = new Set(waitingIds(run));
  const names = new Set(run.fed.answered.filter(({ id }) => waiting.has(id)).map(({ alert }) => alert.userId));
  const sleepers = people.filter(({ id }) => names.has(id));
  const changed = new Map<string, number>();
  if (!run.quiet && released.size > 0) {
    remark(
      `${released.size} deliveries wait for the end of quiet hours; ${sleepers.length} people now give up theirs, which releases what waits`,
    );
  }
  await eachOf(sleepers, run.concurrency, async (person) => {
    const choices = choicesOf(person, Date.now(), `${run.client.url}/sink`);
    changed.set(person.id, await put(run.client, person.id, { ...choices, quietHours: null }));
  });
  return changed;
}

/** What was delivered and not seen is asked for one by one, in case only the looking was too slow. */
async function askAfterUnseen(watch: SinkWatch, { told, concurrency }: Run): Promise<void> {
  const unseen = [...told.values()]
    .flatMap((record) => record?.deliveries ?? [])
    .filter(({ status, channel, operationId }) => status === 'delivered' && channel !== 'in-app' && watch.timesTaken(operationId) === 0);
  await eachOf(unseen, concurrency, ({ operationId }) => watch.ask(operationId));
}

/** The rules that decided, by delivery, for those who had quiet hours while it quaked. */
async function rulesOf(
  { client, fed, concurrency }: Run,
  people: readonly Subscriber[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const resting = new Set(people.filter(({ rest }) => rest !== 'awake').map(({ id }) => id));
  const rules = new Map<string, Set<string>>();
  const concerned = fed.answered.filter(({ alert, known }) => !known && resting.has(alert.userId));
  await eachOf(concerned, concurrency, async ({ id }) => {
    const path = `/api/v1/notifications/${id}/explain`;
    const { events } = await client.get<{ readonly events: readonly { readonly rule: string; readonly deliveryId?: string }[] }>(path);
    for (const { rule, deliveryId } of events) {
      if (deliveryId !== undefined) rules.set(deliveryId, (rules.get(deliveryId) ?? new Set()).add(rule));
    }
  });
  return rules;
}

/** How often an operation lies in somebody's inbox. */
async function inboxesOf(client: ApiClient, people: readonly Subscriber[]): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>();
  for (const { id, channels } of people) {
    if (!channels.includes('in-app')) continue;
    const inbox = await client.list<{ readonly itemId: string }>(`/api/v1/users/${id}/inbox`, {}, PAGE * PAGE);
    for (const { itemId } of inbox.data) times.set(itemId, (times.get(itemId) ?? 0) + 1);
  }
  return times;
}
