import { parse } from 'yaml';
import { type Check, type Finding, hold, same, Unmeasured } from '../check.js';
import { inside } from '../containers.js';
import { ruleGroups } from '../watching.js';
import type { World } from '../world.js';
import { deadLetter } from './desk.js';
import { passed } from './drills.js';
import { fileIn } from './files.js';

const PLANTED = 'DeadLettersGrowing';
/** Two scrapes, an evaluation, the wait for others of its group, or a minute where the group has told of something before. */
const TOLD_WITHIN_MS = 150_000;
/** Prometheus must have scraped the counter once before it rises. */
const SCRAPE_MS = 12_000;

interface Active {
  readonly startsAt: string;
  readonly status: { readonly state: string };
  readonly receivers: readonly { readonly name: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** As Alertmanager has it, which is where Prometheus has sent it. */
async function active(world: World): Promise<readonly Active[]> {
  const filter = encodeURIComponent(`alertname="${PLANTED}"`);
  const { body } = await world.expect<readonly Active[]>(200, `${world.site.alertmanager}/api/v2/alerts?filter=${filter}`);
  return Array.isArray(body) ? body : [];
}

interface Arrivals {
  readonly arrivals?: readonly { readonly target: string; readonly excerpt: string; readonly receivedAt: string }[];
}

/**
 * Dead letters are the fault that can be planted without harm. It goes all the way: counted by a worker, scraped, evaluated, sent
 * to Alertmanager, and by it to the chat.
 */
async function plant(world: World): Promise<string> {
  const { sink } = world.site;
  if (sink === null) throw new Unmeasured('what Alertmanager sends arrives elsewhere: nothing here stands in for the chat');
  const since = Date.now();
  for (let n = 0; n < 2; n += 1) {
    const { deliveryId } = await deadLetter(world);
    world.atEnd(() => world.call(`/api/v1/dead-letters/${deliveryId}?reason=acceptance`, { method: 'DELETE' }));
    await world.pause(SCRAPE_MS);
  }
  const alert = await world.until(`${PLANTED} in Alertmanager`, async () => (await active(world))[0], TOLD_WITHIN_MS);
  same(alert.labels['severity'], 'info', `the severity of ${PLANTED}`);
  hold(alert.annotations['runbook_url']?.endsWith(`#${PLANTED.toLowerCase()}`) === true, 'its link into the runbook', alert.annotations);
  if (alert.status.state === 'suppressed') throw new Unmeasured('DeadLettersCritical holds it back: there are more than 100 dead letters');
  same(
    alert.receivers.map(({ name }) => name),
    ['chat'],
    `who is told of ${PLANTED}`,
  );
  // It may have begun before: then the chat was told at that time, and is not told again for hours.
  const from = Math.min(since, Date.parse(alert.startsAt));
  const arrival = await world.until(
    `${PLANTED} in the chat`,
    async () => {
      const { body } = await world.expect<Arrivals>(200, `${sink}/sink/deliveries?channel=webhook&since=${from}`);
      return body.arrivals?.find(({ target, excerpt }) => target === 'chat' && excerpt.includes(PLANTED));
    },
    TOLD_WITHIN_MS,
  );
  return `${PLANTED} reached the chat ${Math.round((Date.parse(arrival.receivedAt) - from) / 1_000)} s after ${from === since ? 'two dead letters' : 'it had begun'}`;
}

function planted(world: World): Promise<string> {
  return world.once('planted alert', () => plant(world));
}

const ROUTES = {
  'severity=critical': 'pager,chat',
  'severity=warning': 'mail-and-chat',
  'severity=info': 'chat',
  'alertname=Watchdog': 'dead-mans-switch',
} as const;

async function routed(world: World): Promise<string> {
  for (const [label, receivers] of Object.entries(ROUTES)) {
    const argv = ['amtool', 'config', 'routes', 'test', '--config.file=/etc/alertmanager/alertmanager.yml', label];
    same((await inside(world, 'alertmanager', argv)).stdout.trim(), receivers, `who is told of ${label}`);
  }
  return 'critical to pager and chat, warning to mail and chat, info to chat';
}

interface UnitTests {
  readonly tests: readonly {
    readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples?: readonly { readonly value: number }[] }[];
  }[];
}

/** Alerts of Prometheus for which no case has them fire, or none has them keep silent. */
async function untested(world: World): Promise<{ readonly alerts: number; readonly without: readonly string[] }> {
  const groups = await ruleGroups(world);
  const cases = groups.flatMap(({ name }) => {
    const file = `prometheus/tests/${name.replaceAll('_', '-')}.test.yml`;
    const { tests } = parse(fileIn(world, file)) as UnitTests;
    return tests.flatMap(({ promql_expr_test: each = [] }) => each);
  });
  const values = (alert: string): ReadonlySet<unknown> =>
    new Set(cases.filter(({ expr }) => expr.includes(`alertname="${alert}"`)).map(({ exp_samples: samples = [] }) => samples[0]?.value));
  const names = groups.flatMap(({ rules }) => rules.filter(({ type }) => type === 'alerting').map(({ name }) => name));
  hold(names.length > 0, 'alerts that are loaded', groups);
  // Watchdog is there to fire always.
  return { alerts: names.length, without: names.filter((name) => !values(name).has(1) || !(values(name).has(0) || name === 'Watchdog')) };
}

async function eachAlert(world: World): Promise<Finding> {
  const { alerts, without } = await untested(world);
  same(without, [], 'alerts without a case in which they fire and one in which they do not');
  return {
    seen: `${alerts} alerts, each with cases in which it fires and does not (npm test -- tests/monitoring runs them); ${await routed(world)}; ${await planted(world)}`,
    open:
      'fired by a fault besides: WorkerDown and RedisConnectionFailure (npm run drill -- alert), WorkerDown, DeadLettersHigh and ' +
      'DeadLettersGrowing (scripts/stack-checklist.sh); all others fire in promtool’s unit tests alone',
  };
}

/** On a cluster of processes it is the drill that starts Prometheus and Alertmanager, and sees alerts end as well. */
async function faults(world: World): Promise<Finding | string> {
  if (world.site.target === 'cluster') return passed(world, ['alert']);
  return { seen: await planted(world), open: 'a killed worker and Redis, and the end of their alerts: npm run drill -- alert' };
}

const ELSEWHERE = 'one process has no Alertmanager: measured with --target compose, and by a drill with --target cluster';

/** Faults that are planted so that somebody is told. */
export const PLANTED_FAULTS: readonly Check[] = [
  {
    id: 'ALR-19',
    on: ['compose'],
    elsewhere: 'about what Prometheus has loaded: measured with --target compose',
    withinMs: 420_000,
    run: eachAlert,
  },
  { id: 'DRL-09', on: ['cluster', 'compose'], elsewhere: ELSEWHERE, withinMs: 900_000, run: faults },
];
