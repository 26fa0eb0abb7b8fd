import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from './cli-error.js';
import { ClusterClient, type ClusterProcess, type ClusterStatus } from './cluster-client.js';
import { showLogs } from './cluster-logs.js';
import { count, type Finish, family, print, printJson, remark, wantsJson } from './command.js';
import { columns } from './table.js';

const EXAMPLES = `
Examples:
  $ npm run cluster -- --api 2 --workers 5     starts one
  $ signalbox cluster status
  $ signalbox cluster scale 10
  $ signalbox cluster restart --rolling
  $ signalbox cluster logs --tail 100 worker-1
  $ signalbox cluster stop

Exit code 0: done, and for status: every process is ready. 1: not so, or no cluster runs. 2: not understood.`;

export const CLUSTER_DIRECTORY = 'data/cluster';

interface Where {
  readonly directory: string;
}

/** `signalbox cluster …`: what is said to the supervisor of this machine while it runs. */
export function addCluster(program: Command, finish: Finish): void {
  const cluster = family(program, 'cluster', 'the APIs and workers that npm run cluster keeps on this machine', EXAMPLES);
  addStatus(cluster, finish);
  addScale(cluster);
  addRestart(cluster);
  addLogs(cluster);
  verb(cluster, 'stop', 'ends everything in order: APIs, then workers').action(({ directory }: Where) => act(directory, '/stop', {}));
}

function verb(cluster: Command, name: string, description: string): Command {
  return cluster
    .command(name)
    .description(description)
    .option('--directory <path>', 'where the cluster keeps its control file and logs', CLUSTER_DIRECTORY)
    .addHelpText('after', EXAMPLES);
}

function act(directory: string, path: string, body: object): Promise<void> {
  return new ClusterClient(directory).act(path, body, remark);
}

function addStatus(cluster: Command, finish: Finish): void {
  verb(cluster, 'status', 'every process, its state, and how often it had to be restarted').action(
    async ({ directory }: Where, command: Command) => {
      const status = await new ClusterClient(directory).status();
      if (wantsJson(command)) printJson(status);
      else print(statusText(status));
      finish(status.processes.every(({ state }) => state === 'ready') ? 0 : 1);
    },
  );
}

function addScale(cluster: Command): void {
  verb(cluster, 'scale', 'starts workers, or ends those with the highest numbers, until there are as many')
    .argument('<count>', 'how many there are to be', whole)
    .option('--api', 'APIs, not workers')
    .action((wanted: number, { directory, api }: Where & { readonly api?: true }) =>
      act(directory, '/scale', { kind: api === true ? 'api' : 'worker', count: wanted }),
    );
}

function addRestart(cluster: Command): void {
  verb(cluster, 'restart', 'ends a process in order and starts it again; --rolling: all, one after another')
    .argument('[name]', 'e.g. worker-1')
    .option('--rolling', 'every worker, then every API, each when the one before is ready again')
    .action((name: string | undefined, { directory, rolling }: Where & { readonly rolling?: true }) => {
      if ((name === undefined) === (rolling === undefined)) throw new CliError('name one process, or say --rolling', 2);
      return act(directory, '/restart', name === undefined ? {} : { name });
    });
}

function addLogs(cluster: Command): void {
  verb(cluster, 'logs', 'the last lines of the logs, of these processes or of all; needs no running cluster')
    .argument('[names...]', 'e.g. worker-1 worker-2')
    .option('--tail <lines>', 'how many', count, 100)
    .option('-f, --follow', 'then every new line, until Ctrl-C')
    .action((names: readonly string[], options: Where & { readonly tail: number; readonly follow?: true }) =>
      showLogs({ directory: options.directory, names, tail: options.tail, follow: options.follow === true, write: print }),
    );
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 1_000) throw new InvalidArgumentError('It must be a whole number from 0 to 1000.');
  return value;
}

function statusText({ pid, startedAt, busy, sink, processes }: ClusterStatus): string {
  const rows = [['process', 'state', 'port', 'pid', 'up', 'restarts', 'last exit'], ...processes.map(row)];
  const doing = busy === null ? '' : `, ${busy} under way`;
  const received = sink === null ? '' : `\nwhat is sent: ${sink}`;
  return `supervisor ${pid}, up ${age(startedAt)}${doing}\n${columns(rows, [2, 3, 5])}${received}`;
}

function row({ name, state, port, pid, startedAt, restarts, lastExit }: ClusterProcess): readonly string[] {
  const up = pid === null || startedAt === null ? '' : age(startedAt);
  return [name, state, String(port ?? ''), String(pid ?? ''), up, String(restarts), lastExit ?? ''];
}

/** How long ago, in its largest fitting unit. */
export function age(instant: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(instant)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
