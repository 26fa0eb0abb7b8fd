import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const BIN = '/usr/lib/rabbitmq/bin';

/** A rabbitmq-server of this test's own: its own data, ports, cookie and name server. */
export class Broker {
  #ended: Promise<void> = Promise.resolve();

  private constructor(
    private readonly directory: string,
    readonly port: number,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async start(): Promise<Broker> {
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-rabbitmq-'));
    const [port = 0, dist = 0, epmd = 0] = await Promise.all([freePort(), freePort(), freePort()]);
    mkdirSync(join(directory, 'home'));
    const cookie = join(directory, 'home/.erlang.cookie');
    writeFileSync(cookie, 'COOKIEOFATEST');
    chmodSync(cookie, 0o400);
    const broker = new Broker(directory, port, {
      PATH: process.env['PATH'],
      HOME: join(directory, 'home'),
      RABBITMQ_NODENAME: `test${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(dist),
      ERL_EPMD_PORT: String(epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_MNESIA_BASE: join(directory, 'data'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_PID_FILE: join(directory, 'pid'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
      RABBITMQ_CONFIG_FILE: join(directory, 'none'),
    });
    await broker.up();
    return broker;
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return Number(readFileSync(join(this.directory, 'pid'), 'utf8'));
  }

  /** Starts it again; resolves when it takes connections. */
  async up(): Promise<void> {
    const child = spawn(join(BIN, 'rabbitmq-server'), { env: this.env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.stdout.on('data', (data: Buffer) => {
        said += data.toString();
        if (said.includes('completed with')) resolve();
      });
      child.once('exit', () => reject(new Error(`rabbitmq-server ended: ${said}`)));
    });
  }

  /** As a power cut. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.#ended;
  }

  async ctl(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(BIN, 'rabbitmqctl'), ['-q', ...args], { env: this.env });
    return stdout.trim();
  }

  /** Ends it with its name server. */
  async dispose(): Promise<void> {
    await this.kill().catch(() => {});
    await promisify(execFile)('epmd', ['-kill'], { env: this.env }).catch(() => {});
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
