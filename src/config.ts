import { hostname } from 'node:os';
import { readEnvironment } from './config/env-file.js';
import type { Role } from './config/kind.js';
import { brokenRules, doubts, fileUrlDirectory } from './config/rules.js';
import { type Servers, serversOf } from './config/servers.js';
import type { Mode } from './config/setting.js';
import { MODES } from './config/setting.js';
import type { AnySetting, SettingName, Values } from './config/settings.js';
import { SETTINGS } from './config/settings.js';
import type { LATER, SERVERS } from './config/settings-later.js';

/** Values that are only checked, or that {@link Config} holds in a more useful form. */
const FOLDED = [
  'nodeEnv',
  'heartbeatMs',
  'workerId',
  'sink',
  'authRequired',
  'dataDir',
  'databaseUrl',
  'storeDriver',
  'queueDriver',
  'ingressMode',
  'ingressQueuedPercent',
  'mongodbUri',
  'mongodbUsername',
  'mongodbPassword',
  'directDatabaseUrl',
  'rabbitmqUrl',
  'rabbitmqUsername',
  'rabbitmqPassword',
  'redisUrl',
  'redisHost',
  'redisPort',
  'redisUsername',
  'redisPassword',
  'roles',
  'healthCheckPort',
  'port',
] as const;

type Folded = (typeof FOLDED)[number];

/** Settings that nothing reads yet. */
type Dead = keyof typeof LATER | keyof typeof SERVERS;

/** Of the health server of a process that is no API. */
const WORKER_PORT = 3001;

/** The configuration of one process, complete and checked. A name that ends in Ms is in milliseconds; `null`: not set. */
export interface Config extends Omit<Values, Folded | Dead> {
  readonly production: boolean;
  readonly roles: ReadonlySet<Role>;
  readonly servers: Servers;
  readonly dataDir: string;
  /** Of the HTTP API, or of the health server where this process is no API. */
  readonly port: number;
  /** Of the HTTP API, which may be another process. */
  readonly apiPort: number;
  readonly workerId: string;
  readonly heartbeatMs: number;
  /** Of a hundred conversations, how many go through the log. */
  readonly queuedPercent: number;
  /** Whether the development receiver takes the place of real providers. */
  readonly sink: boolean;
  /** Whether a call of the API needs a key or a token. */
  readonly authRequired: boolean;
  /** Lines for a person, one each: allowed, but surely not what was meant. */
  readonly warnings: readonly string[];
}

/** Everything that is wrong with a configuration, all at once. Its lines hold no secret. */
export class ConfigError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'ConfigError';
    this.lines = lines;
  }
}

/** A setting's text and the variable it stands in. Set to nothing is not set, as in a template that nobody filled in. */
export function given(setting: AnySetting, env: NodeJS.ProcessEnv): { readonly name: string; readonly text: string } | null {
  for (const name of [setting.env, ...setting.aliases]) {
    const text = env[name]?.trim();
    if (text !== undefined && text !== '') return { name, text };
  }
  return null;
}

function complaint(setting: AnySetting, found: { readonly name: string; readonly text: string }): string {
  const what = setting.secret ? 'its value' : JSON.stringify(found.text);
  const origin = found.name === setting.env ? '' : `; it comes from ${found.name}`;
  return `${setting.env}: ${what} is not ${setting.kind.shape}${origin}`;
}

/** What came of reading a set of variables. */
export interface Reading {
  /** A setting that cannot be read has its default here; then `errors` is not empty. */
  readonly values: Values;
  /** The settings that the variables speak of. */
  readonly given: readonly SettingName[];
  readonly errors: readonly string[];
}

/** Reads and checks every setting without throwing. */
export function readSettings(env: NodeJS.ProcessEnv): Reading {
  const mode: Mode = MODES.find((each) => each === given(SETTINGS.nodeEnv, env)?.text) ?? 'development';
  const errors: string[] = [];
  const set: SettingName[] = [];
  const unreadable = new Set<SettingName>();
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting: AnySetting = SETTINGS[name];
    const found = given(setting, env);
    values[name] = setting.default(mode);
    if (found === null) continue;
    set.push(name);
    const parsed = setting.kind.schema.safeParse(found.text);
    if (parsed.success) values[name] = parsed.data;
    else {
      unreadable.add(name);
      errors.push(complaint(setting, found));
    }
  }
  const all = values as Values;
  return { values: all, given: set, errors: [...errors, ...brokenRules(all, unreadable)] };
}

/**
 * The configuration that these variables describe; without any, those of this process with `.env` of the working
 * directory under them. Throws {@link ConfigError} with every error at once.
 */
export function loadConfig(env: NodeJS.ProcessEnv = readEnvironment().variables): Config {
  const { values, given: set, errors } = readSettings(env);
  if (errors.length > 0) throw new ConfigError(errors);
  const production = values.nodeEnv === 'production';
  const { databaseUrl, dataDir } = values;
  return {
    ...live(values),
    production,
    roles: new Set(values.roles),
    servers: serversOf(values),
    apiPort: values.port,
    port: values.roles.includes('api') ? values.port : (values.healthCheckPort ?? (set.includes('port') ? values.port : WORKER_PORT)),
    dataDir: (databaseUrl === null ? null : fileUrlDirectory(databaseUrl)) ?? dataDir,
    workerId: values.workerId ?? `${hostname().replace(/[^A-Za-z0-9._:-]/g, '-')}-${process.pid}`,
    queuedPercent: queuedPercentOf(values),
    heartbeatMs: values.heartbeatMs ?? Math.floor(values.leaseMs / 3),
    sink: values.sink === 'on' || (values.sink === 'auto' && !production),
    authRequired: values.authRequired === 'on' || (values.authRequired === 'auto' && (production || !isLoopback(values.host))),
    warnings: doubts(values, set),
  };
}

function queuedPercentOf({ ingressMode, ingressQueuedPercent }: Values): number {
  return ingressMode === 'direct' ? 0 : ingressQueuedPercent;
}

/** Whether nobody but this machine can reach a listener there. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Leaves out what {@link Config} must not carry: settings without effect, secrets among them. */
function live(values: Values): Omit<Values, Folded | Dead> {
  const folded: readonly string[] = FOLDED;
  const entries = Object.entries(values).filter(([name]) => SETTINGS[name as SettingName].live && !folded.includes(name));
  return Object.fromEntries(entries) as Values;
}
