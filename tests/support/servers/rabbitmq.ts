import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from './recipe.js';

/** The script itself: Debian's command of this name changes to another user and other directories. */
const DEBIAN = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/**
 * RabbitMQ with a node, a cookie and a port mapper (epmd) of its own, so that several run beside each other and none is
 * heard outside loopback. More ports: the port mapper's, the one between nodes, management's.
 */
export const rabbitmq: Recipe = {
  name: 'rabbitmq',
  morePorts: 3,
  readyWithinMs: 120_000,
  stopWithinMs: 30_000,
  about: async () => 'RabbitMQ',
  uri: (port) => `amqp://guest:guest@127.0.0.1:${port}`,
  async prepare({ dataDir, ports: [amqp, epmd, distribution, http], management }) {
    const file = (name: string): string => join(dataDir, name);
    await mkdir(file('log'), { recursive: true });
    await writeFile(file('rabbitmq.config'), configuration(amqp ?? 0, management ? (http ?? 0) : null));
    await writeFile(file('enabled_plugins'), management ? '[rabbitmq_management].\n' : '[].\n');
    await writeFile(file('rabbitmq-env.conf'), '');
    const env = {
      HOME: dataDir,
      ERL_EPMD_PORT: String(epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: 'signalbox@localhost',
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(amqp),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: file('mnesia'),
      RABBITMQ_LOG_BASE: file('log'),
      RABBITMQ_SCHEMA_DIR: file('schema'),
      RABBITMQ_GENERATED_CONFIG_DIR: file('config'),
      RABBITMQ_CONFIG_FILE: file('rabbitmq.config'),
      RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config'),
      RABBITMQ_CONF_ENV_FILE: file('rabbitmq-env.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
      RABBITMQ_PID_FILE: file('rabbitmq.pid'),
      // No spinning while idle: it shares the machine with what is being tested.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
    };
    const script = await access(DEBIAN).then(
      () => DEBIAN,
      () => 'rabbitmq-server',
    );
    return [
      { argv: ['epmd', '-port', String(epmd), '-address', '127.0.0.1'], cwd: dataDir, env: {} },
      { argv: [script], cwd: dataDir, env },
    ];
  },
  async ping(uri) {
    const { connect } = await import('amqplib');
    const connection = await connect(uri, { timeout: 5_000 });
    connection.on('error', () => {});
    await connection.close();
  },
  elsewhere: () => [],
};

/** In Erlang's own terms: the other format takes a second to be read. */
function configuration(amqp: number, management: number | null): string {
  const rabbit = [
    `{tcp_listeners, [{"127.0.0.1", ${amqp}}]}`,
    '{disk_free_limit, 50000000}',
    '{log, [{file, [{enabled, false}]}, {console, [{enabled, true}, {level, warning}]}]}',
  ];
  const http = management === null ? [] : [`{rabbitmq_management, [{listener, [{ip, "127.0.0.1"}, {port, ${management}}]}]}`];
  return `[${[`{rabbit, [${rabbit.join(', ')}]}`, ...http].join(',\n ')}].\n`;
}
