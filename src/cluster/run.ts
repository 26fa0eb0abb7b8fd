import { join, resolve } from 'node:path';
import { USUAL_BACKOFF } from './backoff.js';
import { openControl } from './control.js';
import { consoleLog, LogFile } from './logs.js';
import { ClusterError, type ClusterOptions } from './options.js';
import { isSet, PROGRAMS } from './plan.js';
import type { Surround } from './supervised.js';
import { Supervisor, type SupervisorOptions, type Tell } from './supervisor.js';
import { addressesOf, type Surroundings, surroundings, unreachable } from './surroundings.js';

/** From the end of a drain's time to the signal that nobody refuses. */
const BEYOND_DRAIN_MS = 5_000;
const READY_WITHIN_MS = 60_000;
const ASK_EVERY_MS = 100;
/** Ctrl-C under npm comes twice, from the terminal and from npm: so soon after the first it is no second wish. */
const SAME_WISH_MS = 500;

/** Runs a cluster until it is told to end; resolves with the exit code. @throws ClusterError when it cannot begin */
export async function runCluster(options: ClusterOptions): Promise<0 | 1> {
  const say: Tell = (line) => void process.stderr.write(`cluster: ${line}\n`);
  const found = surroundings(process.cwd());
  await checkServers(found);
  const directory = resolve(options.directory);
  const logs = join(directory, 'logs');
  const supervisor = new Supervisor(supervisorOptions(options, found, logs, say));
  // However we end, nobody of ours outlives us.
  process.once('exit', () => supervisor.kill());

  let ended: (code: 0 | 1) => void = () => undefined;
  const end = new Promise<0 | 1>((fulfil) => {
    ended = fulfil;
  });
  const stop = async (tell: Tell): Promise<boolean> => {
    const clean = await supervisor.stop(tell);
    // After the answer to whoever asked for it.
    setImmediate(() => ended(clean ? 0 : 1));
    return clean;
  };
  const control = await openControl({ supervisor, directory, logs, onStop: stop, say });
  onSignals(supervisor, stop, say, ended);
  try {
    await supervisor.start(say);
    say(`${summary(supervisor)}; Ctrl-C or signalbox cluster stop ends it`);
    return await end;
  } catch (error) {
    if (supervisor.busy === 'stop') return await end;
    await supervisor.stop(say);
    throw error;
  } finally {
    await control.close();
  }
}

function onSignals(supervisor: Supervisor, stop: (tell: Tell) => Promise<boolean>, say: Tell, ended: (code: 1) => void): void {
  let first: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === null) {
      first = performance.now();
      say(`${signal}: APIs first, then workers; a second signal kills`);
      void stop(say);
    } else if (performance.now() - first > SAME_WISH_MS) {
      say(`${signal} again: everything is killed`);
      supervisor.kill();
      ended(1);
    }
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, onSignal);
}

async function checkServers({ values, origin }: Surroundings): Promise<void> {
  const gone = await unreachable(addressesOf(values));
  if (gone !== null) throw new ClusterError(`${gone}; it is named by ${origin}. Start it, or start some with npm run servers`);
}

function supervisorOptions(options: ClusterOptions, { values, variables }: Surroundings, logs: string, say: Tell): SupervisorOptions {
  const around: Surround = {
    backoff: USUAL_BACKOFF,
    askEveryMs: ASK_EVERY_MS,
    graceMs: values.drainTimeoutMs + BEYOND_DRAIN_MS,
    logFile: (name) => new LogFile(join(logs, `${name}.log`)),
    console: options.quiet ? () => undefined : consoleLog(),
    say,
  };
  const withSink = values.nodeEnv !== 'production' && values.sink !== 'off' && !isSet(variables, 'SMTP_URL');
  const everywhere = values.host === '0.0.0.0' || values.host === '::';
  return {
    programs: PROGRAMS,
    variables,
    apis: options.apis ?? values.numApiInstances,
    workers: options.workers ?? values.numWorkers,
    apiPort: options.apiPort,
    workerPort: options.workerPort,
    host: everywhere ? '127.0.0.1' : values.host.includes(':') ? `[${values.host}]` : values.host,
    listenHost: values.host,
    workerHealth: values.healthCheckEnabled,
    sinkKeep: withSink ? values.sinkKeep : null,
    readyWithinMs: READY_WITHIN_MS,
    around,
  };
}

function summary(supervisor: Supervisor): string {
  const all = supervisor.status();
  const ready = all.filter((each) => each.state === 'ready').length;
  const ports = all.filter((each) => each.kind === 'api').map((each) => `http://localhost:${each.port}`);
  const sink = supervisor.sinkPage === null ? '' : `; what is sent: ${supervisor.sinkPage}`;
  return `${ready} of ${all.length} processes are ready; API ${ports.join(', ') || 'none'}${sink}`;
}
