import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type OwnServer, startOwn } from '../support/servers/own.js';
import { freePorts } from '../support/servers/ports.js';
import { ALERTS, yaml } from './shipped.js';

interface PrometheusConfig {
  readonly global: Readonly<Record<string, unknown>>;
  readonly alerting: { readonly alert_relabel_configs: unknown };
  readonly scrape_configs: readonly { readonly job_name: string; readonly authorization?: { readonly credentials_file: string } }[];
}

interface AlertmanagerConfig {
  readonly route: Route;
  readonly inhibit_rules: unknown;
  readonly receivers: readonly { readonly name: string }[];
}

interface Route {
  readonly routes?: readonly Route[];
}

export interface Target {
  /** As its instance is called. */
  readonly name: string;
  /** host:port */
  readonly address: string;
}

export interface WatchersOptions {
  /** What each job finds; jobs left out find nothing. Asked again every second. */
  readonly targets: () => Readonly<Record<string, readonly Target[]>>;
  /** Seconds between scrapes and between evaluations; default: as shipped. */
  readonly everyS?: number;
  /** METRICS_TOKEN of those who are scraped; default: none. */
  readonly metricsToken?: string;
  /** Takes all that Alertmanager sends, under the name of the receiver. */
  readonly tell: (receiver: string) => string;
}

/** Prometheus and Alertmanager as they are shipped, but for where things are. */
export interface Watchers {
  readonly prometheus: OwnServer;
  readonly alertmanager: OwnServer;
  /** The value of each series; NaN is none. */
  ask(expr: string): Promise<readonly { readonly metric: Readonly<Record<string, string>>; readonly value: number }[]>;
  stop(): Promise<void>;
}

/** Starts both on free ports of 127.0.0.1. */
export async function startWatchers(options: WatchersOptions): Promise<Watchers> {
  const directory = await mkdtemp(join(tmpdir(), 'signalbox-watchers-'));
  const [own = 0, manager = 0] = await freePorts(2);
  const running: OwnServer[] = [];
  const files = new TargetFiles(directory, options, own, manager);
  try {
    running.push(await startAlertmanager(join(directory, 'alertmanager'), manager, options));
    await files.write();
    running.push(await startPrometheus(join(directory, 'prometheus'), own, manager, files, options));
  } catch (error) {
    await stopAll(running, files, directory);
    throw error;
  }
  const [alertmanager, prometheus] = running as [OwnServer, OwnServer];
  return { prometheus, alertmanager, ask: (expr) => ask(prometheus.uri, expr), stop: () => stopAll(running, files, directory) };
}

async function stopAll(running: readonly OwnServer[], files: TargetFiles, directory: string): Promise<void> {
  files.stop();
  for (const server of running.toReversed()) await server.dispose();
  await rm(directory, { recursive: true, force: true });
}

/** In the place of the names that a container engine gives. */
class TargetFiles {
  readonly #timer: NodeJS.Timeout;
  readonly #path: string;
  readonly #targets: () => Readonly<Record<string, readonly Target[]>>;
  #written = '';

  constructor(directory: string, { targets }: WatchersOptions, prometheus: number, alertmanager: number) {
    this.#path = join(directory, 'targets.json');
    const both = {
      prometheus: [{ name: 'localhost:9090', address: `127.0.0.1:${prometheus}` }],
      alertmanager: [{ name: 'alertmanager:9093', address: `127.0.0.1:${alertmanager}` }],
    };
    this.#targets = () => ({ ...both, ...targets() });
    this.#timer = setInterval(() => void this.write().catch(() => undefined), 1000);
  }

  /** Each target with its job, of which `relabel` keeps those of one. */
  get discovery(): object {
    return { files: [this.#path], refresh_interval: '1s' };
  }

  async write(): Promise<void> {
    const all = Object.entries(this.#targets()).flatMap(([job, targets]) =>
      targets.map(({ name, address }) => ({ targets: [address], labels: { of: job, instance: name } })),
    );
    const text = JSON.stringify(all);
    if (text === this.#written) return;
    this.#written = text;
    await writeFile(this.#path, text);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function startPrometheus(
  dataDir: string,
  port: number,
  manager: number,
  files: TargetFiles,
  { everyS, metricsToken = '' }: WatchersOptions,
): Promise<OwnServer> {
  const shipped = yaml<PrometheusConfig>('prometheus.yml');
  const rules = join(dataDir, 'alerts');
  await mkdir(rules, { recursive: true });
  for (const name of await readdir(ALERTS)) await writeFile(join(rules, name), await readFile(join(ALERTS, name)));
  const every =
    everyS === undefined ? {} : { scrape_interval: `${everyS}s`, scrape_timeout: `${everyS}s`, evaluation_interval: `${everyS}s` };
  const config = {
    global: { ...shipped.global, ...every },
    rule_files: [join(rules, '*.yml')],
    alerting: { ...shipped.alerting, alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${manager}`] }] }] },
    scrape_configs: shipped.scrape_configs.map(({ job_name, authorization }) => ({
      job_name,
      ...(authorization === undefined ? {} : { authorization }),
      file_sd_configs: [files.discovery],
      relabel_configs: [
        { source_labels: ['of'], regex: job_name, action: 'keep' },
        { regex: 'of', action: 'labeldrop' },
      ],
    })),
  };
  await mkdir(join(dataDir, 'prometheus'), { recursive: true });
  await writeFile(join(dataDir, 'prometheus', 'metrics-token'), metricsToken);
  await writeFile(join(dataDir, 'prometheus.yml'), stringify(config));
  return startOwn('prometheus', { dataDir, port });
}

async function startAlertmanager(dataDir: string, port: number, { everyS, tell }: WatchersOptions): Promise<OwnServer> {
  const shipped = yaml<AlertmanagerConfig>('docker/alertmanager.yml');
  await mkdir(dataDir, { recursive: true });
  const config = {
    route: everyS === undefined ? shipped.route : quick(shipped.route),
    inhibit_rules: shipped.inhibit_rules,
    receivers: shipped.receivers.map(({ name }) => ({ name, webhook_configs: [{ url: tell(name), send_resolved: true }] })),
  };
  await writeFile(join(dataDir, 'alertmanager.yml'), stringify(config));
  return startOwn('alertmanager', { dataDir, port });
}

function quick(route: Route): Route {
  return {
    ...route,
    ...{ group_wait: '1s', group_interval: '1s' },
    ...(route.routes === undefined ? {} : { routes: route.routes.map(quick) }),
  };
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly resultType: string; readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

async function ask(uri: string, expr: string) {
  const body = new URLSearchParams({ query: expr });
  const answer = (await (await fetch(`${uri}/api/v1/query`, { method: 'POST', body })).json()) as Answer;
  if (answer.status !== 'success' || answer.data === undefined) throw new Error(`${expr}: ${answer.error}`);
  return answer.data.result
    .map(({ metric, value }) => ({ metric, value: value[1] === '+Inf' ? Number.POSITIVE_INFINITY : Number(value[1]) }))
    .filter(({ value }) => !Number.isNaN(value));
}
