import { same, Unmeasured } from './check.js';
import type { Console } from './site.js';
import type { World } from './world.js';

/** Where it is. @throws Unmeasured where there is none */
export function prometheus({ site }: World): string {
  if (site.prometheus === null) throw new Unmeasured('there is no Prometheus here');
  return site.prometheus;
}

function grafana({ site }: World): Console {
  if (site.grafana === null) throw new Unmeasured('there is no Grafana here');
  return site.grafana;
}

interface Vector {
  readonly status: string;
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/** What an expression gives now. @throws Failure where it cannot be evaluated */
export async function query(world: World, expr: string): Promise<Vector['data']['result']> {
  const { body } = await world.expect<Vector>(200, `${prometheus(world)}/api/v1/query?query=${encodeURIComponent(expr)}`);
  same(body.status, 'success', `the answer to ${expr}`);
  return body.data.result;
}

/** As Grafana fills its variables in: everything of the last minutes. */
export function filledIn(expr: string): string {
  return expr
    .replace(/\$\{?__(rate_interval|interval|range)\}?/g, '5m')
    .replace(/=~?"\$\{?\w+(:\w+)?\}?"/g, '=~".*"')
    .replace(/\$\{?\w+(:\w+)?\}?/g, '.*');
}

/** Asks Grafana as its administrator. */
export async function askGrafana<T>(world: World, path: string): Promise<T> {
  const { status, body } = await grafanaSays<T>(world, path);
  same(status, 200, `the status of Grafana’s ${path}`);
  return body;
}

/** Whatever it says. */
export function grafanaSays<T>(world: World, path: string): Promise<{ readonly status: number; readonly body: T }> {
  const { url, user, password } = grafana(world);
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return world.call<T>(`${url}${path}`, { headers: { authorization } });
}

/** A rule as Prometheus has it loaded. */
export interface LoadedRule {
  readonly type: string;
  readonly name: string;
  readonly health: string;
  readonly query: string;
  /** Seconds that an alert waits for before it fires. */
  readonly duration?: number;
  readonly lastError?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Group {
  readonly name: string;
  readonly rules: readonly LoadedRule[];
}

/** The rules that Prometheus evaluates now. */
export async function ruleGroups(world: World): Promise<readonly Group[]> {
  return (await world.expect<{ data: { groups: readonly Group[] } }>(200, `${prometheus(world)}/api/v1/rules`)).body.data.groups;
}
