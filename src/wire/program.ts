import { readFileSync } from 'node:fs';
import { readEnvironment } from '../config/env-file.js';
import { type Config, ConfigError, loadConfig } from '../config.js';
import { SignalboxError } from '../errors.js';
import { exitOnSignals } from '../runtime/drain.js';
import { createLog } from '../telemetry/log.js';
import { wire } from '../wire.js';

/** What cannot start says so on standard error, a line for each reason, and exits: 2 for a wrong setting, 1 for the rest. */
function fail(lines: readonly string[], code: number): never {
  for (const line of lines) process.stderr.write(`signalbox: ${line}\n`);
  process.exit(code);
}

function configure(defaults: Readonly<Record<string, string>>): Config {
  try {
    const { variables } = readEnvironment();
    const unset = Object.entries(defaults).filter(([name]) => (variables[name] ?? '').trim() === '');
    return loadConfig({ ...variables, ...Object.fromEntries(unset) });
  } catch (error) {
    if (error instanceof ConfigError) fail(error.lines, 2);
    throw error;
  }
}

/** What the process says of itself once it is there. */
function selfOf(config: Config, port: number | null) {
  const url = port === null ? undefined : `http://${config.host === '0.0.0.0' ? 'localhost' : config.host}:${port}`;
  const store = config.servers.mongodb === null ? { dataDir: config.dataDir } : { store: 'mongodb' };
  return {
    url,
    roles: [...config.roles],
    sink: config.sink && url !== undefined ? `${url}/sink` : undefined,
    ...store,
    consuming: config.roles.has('worker') && config.enableStreamConsumers,
  };
}

function portSetting(config: Config): string {
  return config.roles.has('api') ? 'SERVER_PORT' : 'HEALTH_CHECK_PORT';
}

/** The reason why a start failed, in one line where it is one that people can mend. */
function reasonOf(error: unknown, config: Config): string {
  if (error instanceof SignalboxError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `port ${config.port} on ${config.host} is taken: set ${portSetting(config)} to a free one`;
  if (code === 'EACCES') return `port ${config.port} on ${config.host} may not be used by this user: set ${portSetting(config)} to another`;
  if (code === 'EADDRNOTAVAIL') return `address ${config.host} is not one of this machine's: set HOST`;
  return error.message;
}

/** Loaded only where errors are to be sent anywhere. */
async function errorTracking({ sentryDsn: dsn, production, workerId: worker }: Config, version: string, onLost: (reason: string) => void) {
  if (dsn === null) return {};
  const { createErrorTracking } = await import('../telemetry/error-tracking.js');
  const environment = production ? 'production' : 'development';
  return { onError: createErrorTracking({ dsn, version, environment, worker, onLost }) };
}

/**
 * Reads the configuration, puts the program together, starts it, and ends it on a signal. Exit code 2: a setting is wrong.
 * @param defaults what settings are where neither the environment nor `.env` has them
 */
export async function run(defaults: Readonly<Record<string, string>> = {}): Promise<void> {
  const config = configure(defaults);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  // A warning is not sent, so that what the collector does not take does not lead to more for it.
  const onLost = (reason: string): void => log.warn({ reason }, 'error tracking lost an event');
  const tracking = await errorTracking(config, version, onLost);
  const log = createLog({ level: config.logLevel, worker: config.workerId, version, ...tracking });
  for (const warning of config.warnings) log.warn(warning);

  const onFatal = (error: Error): never => {
    log.fatal({ err: error }, 'the store failed: ending, so that nothing is promised that cannot be kept');
    process.exit(70);
  };
  try {
    const app = await wire({ config, log, version, onFatal });
    exitOnSignals(app, config.drainTimeoutMs, log);
    const port = await app.start();
    log.info(selfOf(config, port), 'ready');
  } catch (error) {
    fail([reasonOf(error, config)], 1);
  }
}
