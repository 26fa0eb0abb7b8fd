import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Check, type Finding, hold, same } from '../check.js';
import { type LoadedRule, query, ruleGroups } from '../watching.js';
import type { World } from '../world.js';
import { fileIn } from './files.js';

/** What a row wants of one alert. */
interface Wanted {
  readonly alert: string;
  /** Its expression, but for blanks; or what is in it, where it is a longer one. */
  readonly expr: string | RegExp;
  /** Seconds that it waits for. */
  readonly after: number;
  readonly severity: 'critical' | 'warning' | 'info';
  /** A query for what it looks at, which must be there while all is well: an alert on a series that nobody has never fires. */
  readonly watches: string;
}

const FOLDER = 'prometheus/alerts';

/** 0.10 and 0.1, and line breaks, are the same to Prometheus. */
function plain(expr: string): string {
  return expr.replace(/\s+/g, '').replace(/(\.\d*?)0+(?!\d)/g, '$1');
}

interface WrittenRule {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

function seconds(duration = '0s'): number {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(duration) ?? [];
  return Number(count) * (SECONDS[unit] ?? Number.NaN);
}

/** The alerts of the project's files, as Prometheus would tell of them. */
function writtenAlerts(world: World): readonly LoadedRule[] {
  const files = readdirSync(join(world.root, FOLDER)).filter((name) => name.endsWith('.yml'));
  const rules = files.flatMap((name) => {
    const { groups } = parse(fileIn(world, `${FOLDER}/${name}`), { merge: true }) as {
      groups: readonly { rules: readonly WrittenRule[] }[];
    };
    return groups.flatMap((group) => group.rules);
  });
  return rules.flatMap(({ alert, expr, for: waits, labels = {}, annotations = {} }) =>
    alert === undefined
      ? []
      : [{ type: 'alerting', name: alert, health: 'not loaded', query: expr, duration: seconds(waits), labels, annotations }],
  );
}

/** The longest interval between evaluations is a minute. */
const EVALUATED_WITHIN_MS = 90_000;

/** All alerts: those that are loaded where there is a Prometheus, else those of the files. */
async function alertsOf(world: World): Promise<readonly LoadedRule[]> {
  if (world.site.prometheus === null) return writtenAlerts(world);
  return world.until(
    'Prometheus to have evaluated all rules once',
    async () => {
      const all = (await ruleGroups(world)).flatMap(({ rules }) => rules.filter(({ type }) => type === 'alerting'));
      return all.length > 0 && all.every(({ health }) => health !== 'unknown') ? all : null;
    },
    EVALUATED_WITHIN_MS,
  );
}

/** The link of the alert leads to a section that says what to do. */
function inRunbook(world: World, { name, annotations }: LoadedRule): void {
  hold(annotations?.['runbook_url']?.endsWith(`#${name.toLowerCase()}`) === true, `a link of ${name} into the runbook`, annotations);
  // Grafana goes by the number of the panel, other pages by the name behind it.
  const number = Number(/\?viewPanel=(\d+)#/.exec(annotations?.['runbook_url'] ?? '')?.[1]);
  const { panels } = JSON.parse(fileIn(world, 'grafana/dashboards/runbook.json')) as {
    readonly panels: readonly { id: number; title: string }[];
  };
  hold(panels.find(({ id }) => id === number)?.title === name, `the link of ${name} to its panel`, annotations);
  const section = fileIn(world, 'docs/runbook.md')
    .split(/^## /m)
    .find((each) => each.startsWith(`${name}\n`));
  hold(section?.includes('**Means**') === true, `a section on ${name} in the runbook`, section ?? 'none');
}

function asWanted(rule: LoadedRule | undefined, { alert, expr, after, severity }: Wanted): asserts rule is LoadedRule {
  hold(rule !== undefined, `the alert ${alert}`, 'none');
  const own = plain(rule.query);
  hold(typeof expr === 'string' ? own === plain(expr) : expr.test(own), `${alert} on ${expr}`, rule.query);
  same([rule.duration, rule.labels?.['severity']], [after, severity], `after how many seconds ${alert} fires, and how severe it is`);
}

/** Prometheus evaluates it, and has what it looks at. */
async function evaluated(world: World, rule: LoadedRule, { watches }: Wanted): Promise<void> {
  same([rule.health, rule.lastError ?? ''], ['ok', ''], `how Prometheus evaluates ${rule.name}`);
  await query(world, rule.query);
  const series = await query(world, watches);
  hold(series.length > 0, `${watches}, which ${rule.name} looks at`, 'no series');
}

function alerts(...wanted: readonly Wanted[]) {
  return async (world: World): Promise<Finding | string> => {
    const all = await alertsOf(world);
    const live = world.site.prometheus !== null;
    for (const one of wanted) {
      const rule = all.find(({ name }) => name === one.alert);
      asWanted(rule, one);
      inRunbook(world, rule);
      if (live) await evaluated(world, rule, one);
    }
    const told = wanted.map(({ alert, after, severity }) => `${alert} (${severity}${after === 0 ? '' : ` after ${after} s`})`).join(', ');
    if (live) return `${told}: loaded, evaluated on series that are there, each with a section in the runbook`;
    return { seen: `${told}: in the files, each with a section in the runbook`, open: 'loaded and evaluated: --target compose' };
  };
}

const WORKER_DOWN: readonly Wanted[] = [
  // The registry of the fleet has waited 15 s by itself.
  {
    alert: 'WorkerDown',
    expr: 'signalbox:workers_lost > 0',
    after: 10,
    severity: 'critical',
    watches: 'signalbox_fleet_members{role="worker"}',
  },
  { alert: 'WorkerNotAnswering', expr: 'up{job="worker"} == 0', after: 30, severity: 'critical', watches: 'up{job="worker"}' },
];

const SERVICE_DOWN: readonly Wanted[] = [
  {
    alert: 'ServiceDown',
    expr: 'up{job!~"worker|nginx"} == 0',
    after: 120,
    severity: 'critical',
    watches: 'up{job="api"} and on () up{job="rabbitmq"}',
  },
  {
    alert: 'ServiceMissing',
    expr: 'absent(up{job="api"}) or absent(up{job="worker"}) or absent(up{job="rabbitmq"})',
    after: 120,
    severity: 'critical',
    watches: 'up{job="rabbitmq"}',
  },
  { alert: 'NginxDown', expr: /^up\{job="nginx"\}==0or/, after: 60, severity: 'critical', watches: 'up{job="nginx"}' },
  { alert: 'ApiLost', expr: 'signalbox:apis_lost > 0', after: 60, severity: 'critical', watches: 'signalbox_fleet_members{role="api"}' },
];

const REQUESTS = 'signalbox_http_requests_total{route=~"/api/.*"}';
const SETTLED = 'signalbox_deliveries_settled_total';

/** Of requests and of deliveries alike. */
const ERROR_RATES: readonly Wanted[] = (
  [
    ['ApiErrorRate', 'signalbox:http_error_ratio:rate5m', REQUESTS],
    ['DeliveryErrorRate', 'signalbox:delivery_error_ratio:rate5m', SETTLED],
  ] as const
).flatMap(([name, ratio, watches]) => [
  { alert: `${name}High`, expr: `${ratio} > 0.05`, after: 120, severity: 'warning', watches },
  { alert: `${name}Critical`, expr: `${ratio} > 0.1`, after: 120, severity: 'critical', watches },
]);

function connection(alert: string, server: string, after: number): Wanted {
  const watches = `signalbox_dependency_up{name="${server}"}`;
  return { alert, expr: `${watches} == 0`, after, severity: 'critical', watches };
}

function above(alert: string, series: string, limit: string, after: number, severity: Wanted['severity']): Wanted {
  return { alert, expr: `${series} ${limit}`, after, severity, watches: series };
}

const DEAD_LETTERS: readonly Wanted[] = [
  above('DeadLettersHigh', 'signalbox:dead_letters', '>= 10', 60, 'warning'),
  above('DeadLettersCritical', 'signalbox:dead_letters', '> 100', 60, 'critical'),
];

const PROCESSING_RATE: Wanted = {
  alert: 'ProcessingRateDropped',
  expr: 'signalbox:processed:rate5m < 0.5 * avg_over_time(signalbox:processed:rate5m[1h] offset 10m) and signalbox:backlog_age_seconds > 30',
  after: 300,
  severity: 'warning',
  watches: 'signalbox:processed:rate5m and on () signalbox:backlog_age_seconds',
};

/** The named one only above 10 a second; besides it any growth, a share above 0.1 %, and two tiers of size. */
const DLQ: readonly Wanted[] = [
  {
    alert: 'QueueDLQRateHigh',
    expr: 'rate(stream_dead_letter_total[5m]) > 10',
    after: 300,
    severity: 'critical',
    watches: 'stream_dead_letter_total',
  },
  {
    alert: 'MessageDeadLetterShareHigh',
    expr: 'signalbox:message_dead_ratio:rate1h > 0.001',
    after: 300,
    severity: 'warning',
    watches: 'stream_consumer_processed_total',
  },
  {
    alert: 'DeadLettersGrowing',
    expr: `increase(${SETTLED}{status="dead"}[15m]) > 0`,
    after: 0,
    severity: 'info',
    watches: SETTLED,
  },
  ...DEAD_LETTERS,
];

const HTTP_P95 = 'signalbox:http_duration_seconds:p95';
const DUPLICATES = 'signalbox_duplicates_total';

/** That each of them fires when it should, and not just below, is shown by npm test -- tests/monitoring. */
const EACH: readonly Check[] = [
  { id: 'ALR-04', run: alerts(...WORKER_DOWN, ...SERVICE_DOWN) },
  { id: 'ALR-05', run: alerts(...ERROR_RATES) },
  {
    id: 'ALR-06',
    run: alerts(connection('StoreConnectionFailure', 'mongodb', 30), connection('RedisConnectionFailure', 'redis', 30)),
  },
  { id: 'ALR-08', run: alerts(above('DiskSpaceLow', 'signalbox:disk_free_ratio', '< 0.1', 60, 'critical')) },
  {
    id: 'ALR-10',
    run: alerts({
      ...above('ResponseTimeHigh', HTTP_P95, '> 2', 300, 'warning'),
      watches: 'signalbox_http_request_duration_seconds_bucket',
    }),
  },
  {
    id: 'ALR-11',
    run: alerts(
      above('MemoryHigh', 'signalbox:memory_ratio', '> 0.8', 300, 'warning'),
      above('CpuHigh', 'signalbox:cpu_ratio', '> 0.8', 300, 'warning'),
    ),
  },
  {
    id: 'ALR-13',
    run: alerts(
      above('QueueDepthHigh', 'signalbox:queue_depth', '> 1000', 120, 'warning'),
      above('QueueDepthCritical', 'signalbox:queue_depth', '> 10000', 120, 'critical'),
    ),
  },
  { id: 'ALR-14', run: alerts(PROCESSING_RATE) },
  { id: 'ALR-15', run: alerts(above('CircuitBreakerOpen', 'circuit_breaker_state', '> 0', 300, 'critical')) },
  { id: 'ALR-16', run: alerts(...DEAD_LETTERS) },
  {
    id: 'ALR-18',
    run: alerts({
      alert: 'DuplicateDeliveries',
      expr: `increase(${DUPLICATES}[15m]) > 0`,
      after: 0,
      severity: 'critical',
      watches: DUPLICATES,
    }),
  },
  { id: 'X-08', run: alerts(...DLQ) },
  { id: 'X-09', run: alerts(...WORKER_DOWN, ...SERVICE_DOWN) },
];

/** Which alerts there are. */
export const OF_ALERTS: readonly Check[] = EACH.map((check) => ({ ...check, withinMs: 2 * EVALUATED_WITHIN_MS }));
