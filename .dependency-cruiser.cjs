/**
 * Imports go forward only: ports ← pipeline ← workloads, ports ← channels and adapters, everything ← wire and main.
 * Type imports count: a type is a dependency too.
 */

/** "from here, nothing of ours but …" */
function only(name, comment, from, ...allowed) {
  return { name, severity: 'error', comment, from: { path: from }, to: { path: '^src/', pathNot: allowed } };
}

/** "this client library is imported there and nowhere else" */
function confined(name, comment, modules, home) {
  return { name, severity: 'error', comment, from: { path: '^src/', pathNot: home }, to: { path: modules } };
}

const PORTS = '^src/ports/';
const ERRORS = '^src/errors\\.ts$';
const PIPELINE = '^src/pipeline/';
/** The HTTP side of a workload: `routes.ts`, and `inbox-routes.ts` and the like. */
const ROUTES = '^src/workloads/[^/]+/(|[a-z-]+-)routes\\.ts$';
/** The commands that open the store: no server runs when they are needed, or none would start. */
const STORE_OPENERS = '^src/cli/(migrate|dedupe|store-place)\\.ts$';
/** Clients of the API: their key is in the environment. */
const CLIENTS = '^src/cli/(api-client|demo/own-server)\\.ts$';
/** Those who put the program together. */
const COMPOSITION = '^src/(wire|main|worker)(\\.ts$|/)';

function npm(...names) {
  return `(^|/)node_modules/(${names.join('|')})(/|$)`;
}

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', comment: 'A cycle has no first file to read.', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'Every import leads somewhere (node:sqlite not on Node 20, which has none).',
      from: {},
      to: { couldNotResolve: true, pathNot: '^node:sqlite$' },
    },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      comment: 'The program runs without its development dependencies.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'], pathNot: npm('@types') },
    },
    only('errors-import-nothing', 'errors.ts is the bottom.', ERRORS, '^$'),
    only('ports-import-ports', 'A port is a contract and knows nobody.', PORTS, PORTS),
    only('pipeline-imports-ports', 'The pipeline knows ports, never who is behind them.', PIPELINE, PIPELINE, PORTS, ERRORS),
    only('channels-import-ports', 'A channel knows its port.', '^src/channels/', '^src/channels/', PORTS, ERRORS),
    {
      name: 'workloads-import-pipeline',
      severity: 'error',
      comment: 'A workload knows the pipeline and the ports; only its routes (routes.ts, x-routes.ts) know that there is HTTP.',
      from: { path: '^src/workloads/', pathNot: ROUTES },
      to: { path: '^src/', pathNot: ['^src/workloads/', PIPELINE, PORTS, ERRORS] },
    },
    only(
      'routes-import-ingress',
      'The routes of a workload take what every HTTP request needs from ingress.',
      ROUTES,
      '^src/workloads/',
      '^src/ingress/',
      PIPELINE,
      PORTS,
      ERRORS,
    ),
    {
      name: 'workloads-are-strangers',
      severity: 'error',
      comment: 'A workload never imports another. What several need is beside them, in no folder.',
      from: { path: '^src/workloads/([^/]+)/' },
      to: { path: '^src/workloads/', pathNot: ['^src/workloads/$1/', '^src/workloads/[^/]+\\.ts$'] },
    },
    only('adapters-import-ports', 'An adapter knows its port and its client library.', '^src/adapters/', '^src/adapters/', PORTS, ERRORS),
    {
      name: 'adapters-are-strangers',
      severity: 'error',
      comment: 'An adapter never imports another.',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/$1/' },
    },
    {
      name: 'sink-imports-ports',
      severity: 'error',
      comment: 'The sink is a stranger to what it receives from.',
      from: { path: '^src/sink/', pathNot: '^src/sink/main\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/sink/', PORTS, ERRORS] },
    },
    only(
      'sink-main-composes-little',
      'Run by itself the sink needs a clock and ids, and its settings.',
      '^src/sink/main\\.ts$',
      '^src/sink/',
      PORTS,
      ERRORS,
      '^src/adapters/system/',
      '^src/config(\\.ts$|/)',
    ),
    only(
      'ingress-imports-pipeline',
      'Routes of the workloads are handed in by the composition.',
      '^src/ingress/',
      '^src/ingress/',
      PIPELINE,
      PORTS,
      ERRORS,
    ),
    only('telemetry-imports-ports', 'Telemetry listens; it does not take part.', '^src/telemetry/', '^src/telemetry/', PORTS, ERRORS),
    only(
      'runtime-imports-ports',
      'Start and stop know nothing of what they start, and log.',
      '^src/runtime/',
      '^src/runtime/',
      '^src/telemetry/',
      PORTS,
      ERRORS,
    ),
    {
      name: 'cli-talks-http',
      severity: 'error',
      comment: 'The command line is a client of the API; config:check alone reads the settings.',
      from: { path: '^src/cli/', pathNot: STORE_OPENERS },
      to: { path: '^src/', pathNot: ['^src/cli/', ERRORS, '^src/config(\\.ts$|/)'] },
    },
    only(
      'store-openers-open-the-store',
      'They read where the store is, and open it.',
      STORE_OPENERS,
      '^src/cli/',
      ERRORS,
      PORTS,
      '^src/config(\\.ts$|/)',
      '^src/adapters/(mongo|embedded|system)/',
    ),
    only(
      'cluster-runs-processes',
      'The supervisor runs the program as others do: by its settings, from outside.',
      '^src/cluster/',
      '^src/cluster/',
      ERRORS,
      '^src/config(\\.ts$|/)',
    ),
    only(
      'config-imports-nothing',
      'The configuration is read before anything else is there.',
      '^src/config(\\.ts$|/)',
      '^src/config(\\.ts$|/)',
      ERRORS,
    ),
    {
      name: 'config-is-for-the-composition',
      severity: 'error',
      comment: 'Everybody else is handed the numbers they need.',
      from: {
        path: '^src/',
        pathNot: [
          COMPOSITION,
          '^src/config(\\.ts$|/)',
          '^src/cli/config-',
          CLIENTS,
          STORE_OPENERS,
          '^src/cluster/',
          '^src/sink/main\\.ts$',
        ],
      },
      to: { path: '^src/config(\\.ts$|/)' },
    },
    {
      name: 'composition-alone-picks-adapters',
      severity: 'error',
      comment: 'Only the composition imports adapters and channels.',
      from: { path: '^src/', pathNot: [COMPOSITION, '^src/adapters/', '^src/channels/', STORE_OPENERS, '^src/sink/main\\.ts$'] },
      to: { path: '^src/(adapters|channels)/' },
    },
    {
      name: 'composition-is-the-top',
      severity: 'error',
      comment: 'Nobody imports what puts the program together.',
      from: { path: '^src/', pathNot: COMPOSITION },
      to: { path: COMPOSITION },
    },
    confined('senders-in-channels', 'Who sends mail or calls webhooks is a channel.', npm('nodemailer', 'undici'), '^src/channels/'),
    confined(
      'sqlite-in-embedded',
      'SQLite is behind the embedded adapter.',
      `${npm('@photostructure/sqlite')}|^(node:)?sqlite$`,
      '^src/adapters/embedded/',
    ),
    confined('mongodb-in-mongo', 'MongoDB is behind its adapter.', npm('mongoose', 'mongodb'), '^src/adapters/mongo/'),
    confined('telemetry-libraries', 'Who counts and logs is telemetry.', npm('prom-client', 'pino', 'pino-[^/]+'), '^src/telemetry/'),
    confined('receivers-in-sink', 'Who receives mail is the sink.', npm('smtp-server', 'postal-mime'), '^src/sink/'),
    confined('terminal-in-cli', 'Who talks to a terminal is the command line.', npm('commander', 'cli-progress'), '^src/cli/'),
    confined('redis-in-its-adapter', 'Redis is behind its adapters.', npm('ioredis'), '^src/adapters/redis(-streams)?/'),
    confined('amqp-in-its-adapter', 'RabbitMQ is behind its adapter.', npm('amqplib'), '^src/adapters/rabbitmq/'),
    confined(
      'limits-in-ingress',
      'Who counts requests is ingress, or the adapter that counts them for many processes.',
      npm('rate-limiter-flexible'),
      '^src/(ingress|adapters/redis)/',
    ),
    confined(
      'http-in-ingress',
      'Who serves HTTP is ingress, the routes it is given, and the sink, its own.',
      npm('express', 'helmet', 'cors'),
      `^src/(ingress|sink)/|${ROUTES}|${COMPOSITION}`,
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
