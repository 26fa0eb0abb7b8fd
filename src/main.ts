import { readFileSync } from 'node:fs';
import { type Config, ConfigError, loadConfig } from './config.js';
import { SignalboxError } from './errors.js';
import { exitOnSignals } from './runtime/drain.js';
import { createLog } from './telemetry/log.js';
import { wire } from './wire.js';

/** What cannot start says so on standard error, a line for each reason, and exits: 2 for a wrong setting, 1 for the rest. */
function fail(lines: readonly string[], code: number): never {
  for (const line of lines) process.stderr.write(`signalbox: ${line}\n`);
  process.exit(code);
}

function configure(): Config {
  try {
    return loadConfig();
  } catch (error) {
    if (error instanceof ConfigError) fail(error.lines, 2);
    throw error;
  }
}

/** The reason why a start failed, in one line where it is one that people can mend. */
function reasonOf(error: unknown, config: Config): string {
  if (error instanceof SignalboxError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `port ${config.port} on ${config.host} is taken: set SERVER_PORT to a free one`;
  if (code === 'EACCES') return `port ${config.port} on ${config.host} may not be used by this user: set SERVER_PORT to another`;
  if (code === 'EADDRNOTAVAIL') return `address ${config.host} is not one of this machine's: set HOST`;
  return error.message;
}

async function main(): Promise<void> {
  const config = configure();
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  const log = createLog({ level: config.logLevel, worker: config.workerId, version });
  for (const warning of config.warnings) log.warn(warning);

  const onFatal = (error: Error): never => {
    log.fatal({ err: error }, 'the store failed: ending, so that nothing is promised that cannot be kept');
    process.exit(70);
  };
  try {
    const app = await wire({ config, log, version, onFatal });
    exitOnSignals(app, config.drainTimeoutMs, log);
    const port = await app.start();
    const url = `http://${config.host === '0.0.0.0' ? 'localhost' : config.host}:${port}`;
    log.info(
      { url, sink: config.sink ? `${url}/sink` : undefined, dataDir: config.dataDir, consuming: config.enableStreamConsumers },
      'ready',
    );
  } catch (error) {
    fail([reasonOf(error, config)], 1);
  }
}

await main();
