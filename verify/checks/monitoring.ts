import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, type Finding, hold, same } from '../check.js';
import { message, post } from '../message.js';
import { acceptMany, allReach } from '../notify.js';
import { askGrafana, filledIn, grafanaSays, prometheus, query, ruleGroups } from '../watching.js';
import type { World } from '../world.js';
import { fileIn, queriesOf } from './files.js';
import { binds, scaling } from './stack.js';
import { targets } from './targets.js';

const ON = { on: ['compose'], elsewhere: 'about Prometheus, Alertmanager and Grafana: measured with --target compose' } as const;
/** A rate wants two scrapes and what happened between them. */
const DATA_WITHIN_MS = 60_000;
/** Of each that has nothing by then. */
const LOOK_MS = 500;

async function reload(world: World): Promise<string> {
  const seen = await targets(world);
  await world.expect(200, `${prometheus(world)}/-/reload`, { method: 'POST' });
  await world.until(
    'Prometheus to be ready after the reload',
    async () => (await world.call(`${prometheus(world)}/-/ready`)).status === 200,
  );
  return `${seen}; POST /-/reload is 200; ${await binds(world)}`;
}

/** Prometheus itself must see two scrapes that differ. */
export async function collected(world: World): Promise<string> {
  const expr = 'sum(process_cpu_seconds_total)';
  const first = Number((await query(world, expr))[0]?.value[1]);
  hold(first > 0, expr, first);
  await world.pause(15_000);
  const second = Number((await query(world, expr))[0]?.value[1]);
  hold(second > first, `${expr} to have moved in 15 s`, [first, second]);
  return `${expr} moved from ${first} to ${second} in 15 s`;
}

interface Dashboards {
  readonly uid?: string;
  readonly panels?: Parameters<typeof queriesOf>[0];
  readonly templating?: { readonly list?: readonly { readonly name: string }[] };
}

/** Something of every kind between any two scrapes: a rate shows only what rises from one to the next. */
async function littleLoad(world: World): Promise<void> {
  for (let scrape = 0; scrape < 3; scrape += 1) {
    // Many, so that each worker has some: what begins with its first event has not risen yet.
    await allReach(world, await acceptMany(world, 20, () => ({})), 'delivered');
    await post(world, message());
    await world.pause(SCRAPE_MS);
  }
}

const SCRAPE_MS = 16_000;

async function dashboards(world: World): Promise<string> {
  await askGrafana(world, '/api/health');
  const body = await askGrafana<readonly { uid: string; title: string }[]>(world, '/api/search?type=dash-db');
  hold(Array.isArray(body) && body.length > 0, 'dashboards that are provisioned', body);
  await littleLoad(world);
  const importable = JSON.parse(fileIn(world, 'grafana-dashboard.json')) as Dashboards;
  const provisioned = provisionedIn(world);
  const there = new Set(body.map(({ uid }) => uid));
  same(
    provisioned.map(({ uid = 'without uid' }) => uid).filter((uid) => !there.has(uid)),
    [],
    'dashboards in files that Grafana has not taken',
  );
  const queries = [importable, ...provisioned].flatMap(({ panels = [] }) => queriesOf(panels));
  hold(queries.length > 0, 'queries', queries.length);
  const empty: string[] = [];
  const until = performance.now() + DATA_WITHIN_MS;
  for (const { title, expr } of queries) {
    const found = await world
      .until(
        `data for "${title}"`,
        async () => ((await query(world, filledIn(expr))).length > 0 ? true : null),
        Math.max(LOOK_MS, until - performance.now()),
      )
      .catch(() => null);
    if (found === null) empty.push(`${title}: ${expr}`);
  }
  same(empty, [], 'panels without data');
  return `${body.length} dashboards in Grafana; ${queries.length} panel queries, each with at least one series`;
}

function provisionedIn(world: World): readonly Dashboards[] {
  const folder = join(world.root, 'grafana');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  return files.map((name) => JSON.parse(fileIn(world, join('grafana', name))) as Dashboards);
}

const RULE = 'signalbox-prometheus-silent';

/** Prometheus' rules, and the one that is Grafana's. */
async function bothAlert(world: World): Promise<Finding> {
  const seen = await alerting(world);
  hold(
    fileIn(world, 'grafana/provisioning/alerting/signalbox.yml').includes(`uid: ${RULE}`),
    `the rule ${RULE} among what is provisioned`,
    'none',
  );
  const { status, body } = await grafanaSays<readonly { readonly uid: string }[]>(world, '/api/v1/provisioning/alert-rules');
  if (status !== 200) return { seen, open: `whether Grafana has taken its rule: asked for its rules it says ${status}` };
  same(
    body.map(({ uid }) => uid).filter((uid) => uid === RULE),
    [RULE],
    'the rule in Grafana',
  );
  return { seen: `${seen}; Grafana has ${body.length} rules, ${RULE} among them` };
}

async function alerting(world: World): Promise<string> {
  const groups = await ruleGroups(world);
  const rules = groups.flatMap((group) => group.rules);
  const alerts = rules.filter(({ type }) => type === 'alerting');
  hold(
    alerts.length > 0,
    'alerting rules that are loaded',
    groups.map(({ name }) => name),
  );
  same(
    rules.filter(({ health }) => health !== 'ok' && health !== 'unknown').map(({ name }) => name),
    [],
    'rules that cannot be evaluated',
  );
  const managers = await world.expect<{ data: { activeAlertmanagers: readonly { url: string }[] } }>(
    200,
    `${prometheus(world)}/api/v1/alertmanagers`,
  );
  const known = managers.body.data.activeAlertmanagers;
  hold(known.length > 0, 'an Alertmanager that Prometheus knows', managers.body);
  await world.expect(200, `${world.site.alertmanager}/-/healthy`);
  return `${alerts.length} alerts in ${groups.length} groups are loaded; Alertmanager is known and healthy`;
}

/** What watches the stack. */
export const MONITORING: readonly Check[] = [
  { id: 'API-23', ...ON, run: reload },
  { id: 'MET-17', ...ON, disturbs: true, withinMs: 420_000, run: scaling },
  { id: 'X-27', ...ON, disturbs: true, withinMs: 420_000, run: scaling },
  { id: 'X-29', ...ON, run: reload },
  { id: 'X-44', ...ON, run: alerting },
  { id: 'DSH-01', ...ON, withinMs: 300_000, run: dashboards },
  { id: 'ALR-20', ...ON, run: bothAlert },
];
