/** What several dashboards ask, written once. */

/** Rates are over what Grafana finds right for the zoom; never less than four scrapes. */
const OVER = '[$__rate_interval]';

export const rate = (metric: string, by = ''): string => `sum${by === '' ? '' : ` by (${by})`} (rate(${metric}${OVER}))`;

/** The share of the time or of the events below which so many of all are. */
export const quantile = (q: number, histogram: string, by = ''): string =>
  `histogram_quantile(${q}, ${rate(`${histogram}_bucket`.replace(/(\{.*\})_bucket$/, '_bucket$1'), by === '' ? 'le' : `le, ${by}`)})`;

/** The usual three, as three queries. */
export const percentiles = (histogram: string) =>
  [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, histogram), legend: `p${Math.round(q * 100)}` }));

/** Zero where nothing has ever been counted. */
export const orNone = (expr: string): string => `${expr} or vector(0)`;

/** Every process tells of the same thing: one of them. */
export const oneOf = (metric: string, by = ''): string => `max${by === '' ? '' : ` by (${by})`} (${metric})`;

export const AT_REST = 'status=~"delivered|skipped|expired|cancelled|dead|held"';
export const API = 'route=~"/api/.*"';
/** A stream lasts as long as somebody listens: no time of an answer. */
export const ANSWERS = 'route=~"/api/.*",route!~".*/stream"';
export const OURS = 'instance=~"$instance"';
