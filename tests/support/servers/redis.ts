import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Recipe } from './recipe.js';
import { askOverTcp } from './wire.js';

const run = promisify(execFile);

/** Redis as the program wants it: every write on the disk before it is answered, nothing evicted. */
export const redis: Recipe = {
  name: 'redis',
  morePorts: 0,
  readyWithinMs: 30_000,
  stopWithinMs: 10_000,
  async about() {
    const { stdout } = await run('redis-server', ['--version']);
    return `Redis ${/v=(\S+)/.exec(stdout)?.[1] ?? '?'}`;
  },
  uri: (port) => `redis://127.0.0.1:${port}`,
  async prepare({ dataDir, ports }) {
    const settings = {
      bind: '127.0.0.1',
      port: String(ports[0]),
      dir: dataDir,
      daemonize: 'no',
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
      maxmemory: process.env['REDIS_MAX_MEMORY'] ?? '2gb',
    };
    return [
      { argv: ['redis-server', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])], cwd: dataDir, env: {} },
    ];
  },
  async ping(uri) {
    const own = /^redis:\/\/127\.0\.0\.1:(\d+)$/.exec(uri)?.[1];
    if (own !== undefined) {
      const answer = await askOverTcp(Number(own), Buffer.from('PING\r\n'), 5, 5_000);
      if (answer.toString() !== '+PONG') throw new Error(`Redis answered ${answer}`); // -LOADING
      return;
    }
    const { Redis } = await import('ioredis');
    const client = new Redis(uri, { lazyConnect: true, connectTimeout: 5_000, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.ping();
    } finally {
      client.disconnect();
    }
  },
  elsewhere: () => [],
};
