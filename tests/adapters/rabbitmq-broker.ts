import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type OwnServer, startOwn } from '../support/servers/own.js';

const DEBIAN = '/usr/lib/rabbitmq/bin/rabbitmqctl';

/** A broker of a test's own, and the command line that rules it. */
export interface Broker extends OwnServer {
  /** What `rabbitmqctl` prints. */
  ctl(...args: readonly string[]): Promise<string>;
}

export async function startBroker(): Promise<Broker> {
  const server = await startOwn('rabbitmq');
  const env = { ...process.env, HOME: server.dataDir, ERL_EPMD_PORT: String(server.ports[1]), RABBITMQ_NODENAME: 'signalbox@localhost' };
  const command = await access(DEBIAN).then(
    () => DEBIAN,
    () => 'rabbitmqctl',
  );
  const ctl = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(command, ['-q', ...args], { env });
    return stdout.trim();
  };
  return Object.defineProperty(server, 'ctl', { value: ctl }) as Broker;
}
