import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** One rule as the files of prometheus/alerts/ have it. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const ALERTS = 'prometheus/alerts';
const DASHBOARDS = 'grafana/dashboards';
/** For Dashboards → Import. */
const FOR_IMPORT = ['grafana-dashboard.json', 'monitoring/grafana/phase3-queue-dashboard.json'];

export function yaml<T>(path: string): T {
  return parse(readFileSync(path, 'utf8'), { merge: true }) as T;
}

/** All groups of rules that are shipped. */
export function rulesByGroup(): readonly { readonly name: string; readonly rules: readonly Rule[] }[] {
  return readdirSync(ALERTS).flatMap((name) => yaml<{ groups: { name: string; rules: Rule[] }[] }>(`${ALERTS}/${name}`).groups);
}

/** All rules that are shipped. */
export function rules(): readonly Rule[] {
  return rulesByGroup().flatMap((group) => group.rules);
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly panels?: readonly Panel[];
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: { readonly defaults?: { readonly noValue?: string } };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string | { readonly query: string } }[];
  };
  readonly __inputs?: readonly { readonly name: string }[];
}

export function dashboards(): readonly Dashboard[] {
  const paths = [...FOR_IMPORT, ...readdirSync(DASHBOARDS).map((name) => `${DASHBOARDS}/${name}`)];
  return paths.map((path) => JSON.parse(readFileSync(path, 'utf8')) as Dashboard);
}

/** What a panel asks. */
export interface PanelQuery {
  readonly where: string;
  readonly expr: string;
  /** It says what it shows while there is nothing. */
  readonly mayBeEmpty: boolean;
}

export function panelQueries(): readonly PanelQuery[] {
  const of = (title: string, panels: readonly Panel[]): PanelQuery[] =>
    panels.flatMap((panel) => [
      ...(panel.targets ?? []).map(({ expr }) => ({
        where: `${title}, ${panel.title}`,
        expr,
        mayBeEmpty: panel.fieldConfig?.defaults?.noValue !== undefined,
      })),
      ...of(title, panel.panels ?? []),
    ]);
  return dashboards().flatMap(({ title, panels }) => of(title, panels));
}

/** What begins like a name and is none of a metric: functions, operators, labels in lists. */
const WORDS =
  /^(sum|max|min|avg|count|by|on|ignoring|and|or|unless|without|rate|increase|changes|time|vector|absent|clamp_min|histogram_quantile|label_replace|predict_linear|sum_over_time|avg_over_time|max_over_time|offset|round|bool|group_left)$/;

/** The selectors of an expression: each metric with what is asked of its labels. */
export function selectors(expr: string): readonly string[] {
  const bare = expr.replace(/\b(by|on|ignoring|without)\s*\([^)]*\)/g, ' ').replace(/\[[^\]]*\]( offset \w+)?/g, ' ');
  const found: string[] = [];
  for (const [all, name = '', labels = ''] of bare.matchAll(
    /([a-zA-Z_][\w:]*)\s*(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})?|"(?:[^"\\]|\\.)*"/g,
  )) {
    if (all.startsWith('"') || WORDS.test(name) || bare[bare.indexOf(all) - 1] === '$') continue;
    found.push(`${name}${labels}`);
  }
  return found;
}

export function nameOf(selector: string): string {
  return selector.replace(/\{.*$/s, '');
}
