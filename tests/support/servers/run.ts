import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dockerAnswers, startContainer } from './containers.js';
import { type ControlAnswer, command, listen } from './control.js';
import { type OwnOptions, type OwnServer, startOwn } from './own.js';
import { isFree } from './ports.js';
import type { ServerName } from './recipe.js';

const HELP = `npm run servers [-- <command>]

  (none)              starts MongoDB, RabbitMQ and Redis on 127.0.0.1, on their usual ports (27017, 5672 with management on
                      15672, 6379) or the next free ones, and stops them on Ctrl-C. Their data stay in data/servers/.
                      While they run, data/servers.env tells their addresses to \`npm run cluster\`.
  --only <servers>    starts these alone, e.g. --only redis,rabbitmq
  status              what runs, and where
  stop <server>       as a person would stop it      } mongodb, rabbitmq or redis; from another
  kill <server>       kill -9                        } terminal, while they run
  start <server>      again, with the same data      }

What is not installed is installed first where we are root on Debian; where not, and a Docker engine answers, containers are used.`;

const DIRECTORY = 'data/servers';
const ENV_FILE = 'data/servers.env';
const TRIED_PORTS = 100;
const USUAL: readonly (readonly [name: Managed, port: number, setting: string])[] = [
  ['mongodb', 27017, 'MONGODB_URI'],
  ['rabbitmq', 5672, 'RABBITMQ_URL'],
  ['redis', 6379, 'REDIS_URL'],
];
const MANAGEMENT_PORT = 15672;

type Managed = Exclude<ServerName, 'toxiproxy'>;
type Servers = ReadonlyMap<string, OwnServer>;

async function main(argv: readonly string[]): Promise<number> {
  const [verb, name] = argv;
  if (verb === undefined) return serve(USUAL);
  const only = verb === '--only' ? USUAL.filter(([each]) => name?.split(',').includes(each)) : [];
  if (only.length > 0) return serve(only);
  if (verb === '--help' || verb === 'help') {
    console.log(HELP);
    return 0;
  }
  const known = verb === 'status' ? name === undefined : ['stop', 'kill', 'start'].includes(verb) && USUAL.some(([each]) => each === name);
  if (!known) {
    console.error(HELP);
    return 64;
  }
  const answer = await command(DIRECTORY, { verb, name: name ?? '' });
  if (answer === null) {
    console.error('No servers run here: start them with `npm run servers`.');
    return 1;
  }
  (answer.ok ? console.log : console.error)(answer.text);
  return answer.ok ? 0 : 1;
}

async function serve(wanted: typeof USUAL): Promise<number> {
  if ((await command(DIRECTORY, { verb: 'status', name: '' })) !== null) {
    console.error('They run already: `npm run servers -- status`.');
    return 1;
  }
  const asked = stopSignal();
  await mkdir(DIRECTORY, { recursive: true });
  const servers = new Map<string, OwnServer>();
  const starts = wanted.map(async ([name, port]) => {
    const server = await start(name, port);
    servers.set(name, server);
    console.log(line(name, server));
  });
  const failed = (await Promise.allSettled(starts)).find((each) => each.status === 'rejected');
  let code = 0;
  if (failed === undefined) {
    const control = await listen(DIRECTORY, (verb, name) => obey(servers, verb, name));
    const settings = wanted.map(([name, , setting]) => `${setting}=${servers.get(name)?.uri}`);
    await writeFile(ENV_FILE, `# Written by npm run servers, and removed when it ends.\n${settings.join('\n')}\n`);
    console.log(
      `\n${settings.map((each) => `export ${each}`).join('\n')}\n\nWritten to ${ENV_FILE} too. Ctrl-C stops them; their data stay in ${DIRECTORY}/.`,
    );
    await asked;
    await rm(ENV_FILE, { force: true });
    await control.close();
  } else {
    console.error(failed.reason instanceof Error ? failed.reason.message : failed.reason);
    code = 1;
  }
  console.log('stopping');
  await Promise.allSettled([...servers.values()].map((server) => server.dispose()));
  return code;
}

async function start(name: Managed, usual: number): Promise<OwnServer> {
  const options: OwnOptions = {
    port: await nextFree(usual),
    dataDir: join(DIRECTORY, name),
    ...(name === 'rabbitmq' ? { managementPort: await nextFree(MANAGEMENT_PORT) } : {}),
  };
  try {
    return await startOwn(name, options);
  } catch (error) {
    if (!(await dockerAnswers())) throw error;
    return startContainer(name, { ...options, dataDir: join(DIRECTORY, `${name}-container`) });
  }
}

async function nextFree(usual: number): Promise<number> {
  for (let port = usual; port < usual + TRIED_PORTS; port += 1) if (await isFree(port)) return port;
  throw new Error(`no free port from ${usual} on`);
}

/** The first SIGINT or SIGTERM resolves it; a second one ends us at once, and what we started with us. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve();
      });
    }
  });
}

async function obey(servers: Servers, verb: string, name: string): Promise<ControlAnswer> {
  if (verb === 'status') return { ok: true, text: [...servers].map(([each, server]) => line(each, server)).join('\n') };
  const server = servers.get(name);
  if (server === undefined) return { ok: false, text: `no server ${name}` };
  if (verb === 'start' && !server.running) await server.start();
  else if (verb === 'stop') await server.stop();
  else if (verb === 'kill') await server.kill();
  const text = line(name, server);
  console.log(`${verb} ${name}: ${text}`);
  return { ok: true, text };
}

function line(name: string, server: OwnServer): string {
  const management = server.managementUrl === null ? '' : `, management ${server.managementUrl} (guest, guest)`;
  const state = server.running ? `runs at ${server.uri}${management}` : 'is stopped';
  return `${name.padEnd(9)}${state}: ${server.about}, ${server.origin}`;
}

process.exitCode = await main(process.argv.slice(2));
