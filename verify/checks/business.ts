import { type Check, type Finding, hold } from '../check.js';
import { accept, fresh, reaches } from '../notify.js';
import { allMetrics, type Metrics, processes } from '../reading.js';
import { askGrafana, filledIn, query } from '../watching.js';
import type { World } from '../world.js';
import { fileIn } from './files.js';

const ON = { on: ['compose'], elsewhere: 'about Prometheus, Grafana and RabbitMQ’s pages: measured with --target compose' } as const;
/** A scrape and an evaluation, and the second scrape that a rate wants. */
const SCRAPED_WITHIN_MS = 60_000;

/** The first number that an expression gives. @throws Failure where it gives none in time */
async function number(world: World, what: string, expr: string): Promise<number> {
  return world
    .until(
      `${what}: a number for ${expr}`,
      async () => {
        const value = Number((await query(world, expr))[0]?.value[1]);
        // A zero is a number too.
        return Number.isFinite(value) ? { value } : null;
      },
      SCRAPED_WITHIN_MS,
    )
    .then(({ value }) => value);
}

/** Each by its name, as a person reads it. */
async function numbersOf(world: World, wanted: Readonly<Record<string, string>>): Promise<string> {
  const seen: string[] = [];
  for (const [what, expr] of Object.entries(wanted)) seen.push(`${what} ${(await number(world, what, expr)).toPrecision(3)}`);
  return seen.join(', ');
}

const ROUTES = 'route=~"/api/.*"';
const quantile = (q: number): string =>
  `histogram_quantile(${q}, sum by (le) (rate(signalbox_http_request_duration_seconds_bucket{${ROUTES}}[5m])))`;

const OF_REQUESTS = {
  'requests a second': `sum(rate(signalbox_http_requests_total{${ROUTES}}[5m]))`,
  'share of errors': 'signalbox:http_error_ratio:rate5m',
  p50: quantile(0.5),
  p95: quantile(0.95),
  p99: quantile(0.99),
  'queue depth': 'signalbox:queue_depth',
} as const;

const REQUESTS = 'signalbox_http_requests_total';
const SETTLED = 'signalbox_deliveries_settled_total';

/** Of all processes together; counted before and after: one more request, one refused, one delivery, one acceptance. */
async function rates(world: World): Promise<Finding> {
  const before = await allMetrics(world);
  await reaches(world, await accept(world), 'delivered');
  await world.expect(404, '/api/v1/notifications/00000000-0000-7000-8000-000000000000');
  const moved: readonly (readonly [name: string, having: string])[] = [
    [REQUESTS, 'status="202"'],
    [REQUESTS, 'status="404"'],
    ['signalbox_http_request_duration_seconds_count', ''],
    ['signalbox_accepted_total', 'workload="notifications"'],
    [SETTLED, 'status="delivered"'],
  ];
  const rose = (after: Metrics) => moved.every(([name, having]) => (after(name, having) ?? 0) > (before(name, having) ?? 0));
  await world.until('requests, refusals, acceptances and deliveries to be counted', async () => rose(await allMetrics(world)));
  const after = await allMetrics(world);
  hold(after('signalbox_queue_depth', 'state="waiting"') !== null, 'signalbox_queue_depth{state="waiting"}', 'not there');
  hold(after(SETTLED, 'status="dead"') !== null, `${SETTLED}{status="dead"}`, 'not there');
  const counted = `requests by status, times of answers, acceptances, deliveries and queue depth are counted at ${processes(world).length} processes`;
  const prometheus = world.site.prometheus === null ? '' : `; ${await numbersOf(world, OF_REQUESTS)}`;
  return { seen: counted + prometheus, open: 'submission, completion and failure of jobs: not built yet' };
}

/** What somebody new, and one delivery more, do to the numbers of the business. */
async function business(world: World): Promise<Finding> {
  const before = await allMetrics(world);
  const userId = fresh('somebody-new');
  await reaches(world, await accept(world, { userId }), 'delivered');
  const after = await world.until('one more active user, and one more duration', async () => {
    const now = await allMetrics(world);
    const more = (name: string): boolean => (now(name) ?? 0) > (before(name) ?? 0);
    return more('signalbox_active_users') && more('signalbox_due_to_delivered_seconds_count') ? now : null;
  });
  const limit = after('signalbox_records_held', 'state="limit"') ?? 0;
  const held = after('signalbox_records_held', 'state="held"');
  hold(limit > 0 && held !== null, 'what workers have in hand, and the most that they take', { held, limit });
  const average = (after('signalbox_due_to_delivered_seconds_sum') ?? 0) / (after('signalbox_due_to_delivered_seconds_count') ?? 0);
  const seen = `active users ${after('signalbox_active_users')}, average duration ${average.toFixed(3)} s, ${held} of ${limit} in hand`;
  const open = 'jobs an hour and a day: not built yet; of notifications and messages they are there';
  if (world.site.prometheus === null) return { seen, open: `${open}; SLA compliance: --target compose` };
  const daily = 'sum(increase(signalbox_accepted_total{workload="notifications",outcome="created"}[1d]))';
  return { seen: `${seen}; ${await numbersOf(world, { 'a day': daily, 'SLA compliance': 'min(1 - slo:error_ratio:1d)' })}`, open };
}

interface Panel {
  readonly title?: string;
  readonly panels?: readonly Panel[];
  readonly targets?: readonly { readonly expr?: string }[];
  readonly fieldConfig?: { readonly defaults?: { readonly noValue?: string } };
}

/** Of each board that the row names, what it must show at least. */
const BOARDS = {
  'signalbox-notifications': ['Claims', 'Retries', 'Circuit breakers', 'Deliveries settled', 'DLQ rate'],
  'signalbox-business': ['Active users', 'Notifications in the last day', 'Success rate, last day', 'Worker utilisation', 'SLA compliance'],
  'signalbox-slo': ['Kept so far', 'Budget left', 'Fast: over an hour'],
} as const;

function panelsIn(panels: readonly Panel[]): readonly Panel[] {
  return panels.flatMap((panel) => [panel, ...panelsIn(panel.panels ?? [])]);
}

/** As Grafana has them loaded, not as the files are written. */
async function boards(world: World): Promise<string> {
  await reaches(world, await accept(world), 'delivered');
  const told: string[] = [];
  for (const [uid, wanted] of Object.entries(BOARDS)) {
    const { dashboard } = await askGrafana<{ dashboard?: { title: string; panels: readonly Panel[] } }>(
      world,
      `/api/dashboards/uid/${uid}`,
    );
    const panels = panelsIn(dashboard?.panels ?? []);
    for (const title of wanted) {
      const panel = panels.find((one) => one.title === title);
      const queries = (panel?.targets ?? []).flatMap(({ expr }) => (expr ? [expr] : []));
      hold(queries.length > 0, `a panel "${title}" with a query on ${uid}`, panel ?? panels.map((one) => one.title));
      for (const expr of queries) await world.until(`data for "${title}"`, async () => (await query(world, filledIn(expr))).length > 0);
    }
    told.push(`${dashboard?.title} (${panels.length} panels)`);
  }
  return `in Grafana: ${told.join(', ')}; those that the row names have data`;
}

/** Where somebody who reads the README is led, and what answers there. */
async function links(world: World): Promise<string> {
  const { grafana, prometheus, management } = world.site;
  const readme = fileIn(world, 'README.md');
  const pages = [grafana?.url, prometheus, management?.url].flatMap((url) => (url ? [url.replace('127.0.0.1', 'localhost')] : []));
  hold(pages.length === 3, 'Grafana, Prometheus and the page of RabbitMQ', pages);
  for (const url of pages) {
    hold(readme.includes(url), `a link to ${url} in the README`, 'none');
    const { status } = await world.call(`${url}/`);
    hold(status === 200 || status === 302, `${url} to answer`, status);
  }
  return `${pages.join(', ')}: in the README, and each answers`;
}

/** What people read off: numbers, boards, and the way to them. */
export const OF_THE_BUSINESS: readonly Check[] = [
  { id: 'MET-13', withinMs: 180_000, run: rates },
  { id: 'MET-15', withinMs: 120_000, run: business },
  { id: 'DSH-03', ...ON, withinMs: 180_000, run: boards },
  { id: 'DSH-04', ...ON, run: links },
];
