import { parseArgs } from 'node:util';

/** What the command line of `npm run cluster` says; null: it does not. */
export interface ClusterOptions {
  readonly apis: number | null;
  readonly workers: number | null;
  /** Port of the first API; the others follow it. */
  readonly apiPort: number;
  /** Port of the first worker's health server; the others follow it. */
  readonly workerPort: number;
  /** Where the control file and the logs are. */
  readonly directory: string;
  /** Logs go to their files only. */
  readonly quiet: boolean;
  readonly help: boolean;
}

export const USAGE = `Usage: npm run cluster -- [options]

Starts APIs and workers on this machine, restarts those that die, and ends them in order on Ctrl-C.

  --api <n>            APIs, on port 3001 and up (default: NUM_API_INSTANCES, 2)
  --workers <n>        workers, their health on port 9091 and up (default: NUM_WORKERS, 5)
  --api-port <port>    port of the first API (default: 3001)
  --worker-port <port> port of the first worker's health (default: 9091)
  --directory <path>   for the control file and the logs (default: data/cluster)
  --quiet              logs to their files only
  --help

MongoDB, RabbitMQ and Redis: MONGODB_URI, RABBITMQ_URL and REDIS_URL, in the environment or .env; where those are not
set, the servers that npm run servers has started (data/servers.env).

While it runs: signalbox cluster status | scale <n> | restart [name] | restart --rolling | logs --tail 100 | stop

Exit codes: 0 ended in order, 1 not so, 2 the command line or a setting is wrong.
`;

/** What cannot be done, in lines for a person, and the exit code that says so. */
export class ClusterError extends Error {
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = 'ClusterError';
    this.exitCode = exitCode;
  }
}

/** @throws ClusterError (2) for what is not understood */
export function clusterOptions(argv: readonly string[]): ClusterOptions {
  const values = parse(argv);
  return {
    apis: values.api === undefined ? null : whole('--api', values.api, 100),
    workers: values.workers === undefined ? null : whole('--workers', values.workers, 1_000),
    apiPort: whole('--api-port', values['api-port'], 65_535),
    workerPort: whole('--worker-port', values['worker-port'], 65_535),
    directory: values.directory,
    quiet: values.quiet,
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        api: { type: 'string' },
        workers: { type: 'string' },
        'api-port': { type: 'string', default: '3001' },
        'worker-port': { type: 'string', default: '9091' },
        directory: { type: 'string', default: 'data/cluster' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new ClusterError(`${error instanceof Error ? error.message : String(error)} (see npm run cluster -- --help)`, 2);
  }
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw new ClusterError(`${name}: ${JSON.stringify(text)} is not a whole number from 0 to ${most}`, 2);
}
