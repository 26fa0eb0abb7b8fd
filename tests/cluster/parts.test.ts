import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { delayAfter, USUAL_BACKOFF } from '../../src/cluster/backoff.js';
import { asLogLines, LogFile, WholeLines } from '../../src/cluster/logs.js';
import { clusterOptions } from '../../src/cluster/options.js';
import { addressesOf, surroundings, unreachable } from '../../src/cluster/surroundings.js';

describe('The command line of npm run cluster', () => {
  test('has defaults, and takes counts, ports and a directory', () => {
    expect(clusterOptions([])).toMatchObject({
      apis: null,
      workers: null,
      apiPort: 3001,
      workerPort: 9091,
      directory: 'data/cluster',
      quiet: false,
    });
    expect(clusterOptions(['--api', '2', '--workers', '5', '--worker-port', '9191', '--quiet'])).toMatchObject({
      apis: 2,
      workers: 5,
      workerPort: 9191,
      quiet: true,
    });
  });

  test.each([[['--workers', 'five']], [['--wrkers', '5']], [['--api-port', '70000']], [['5']]])('refuses %j with exit code 2', (argv) => {
    expect(() => clusterOptions(argv)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe('A process that dies again and again', () => {
  test('waits twice as long each time, up to half a minute, and anew after a good minute', () => {
    const delays: number[] = [];
    let delay = 0;
    for (const livedMs of [100, 100, 100, 100, 100, 100, 100, 61_000, 100]) {
      delay = delayAfter(delay, livedMs, USUAL_BACKOFF);
      delays.push(delay);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 1_000, 2_000]);
  });
});

describe('Where the servers of a cluster come from', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'signalbox-surroundings-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const around = (variables: NodeJS.ProcessEnv) => surroundings(directory, { variables, fromFile: new Set(), inFile: [] });
  const named = { MONGODB_URI: 'mongodb://db:27018/n', RABBITMQ_URL: 'amqp://mq' };

  test('none at all: what to do is said, with exit code 2', () => {
    expect(() => around({})).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringContaining('npm run servers') }));
  });

  test('the environment, or else those that npm run servers has written down, below what is set', async () => {
    await mkdir(join(directory, 'data'));
    const file = 'MONGODB_URI=mongodb://127.0.0.1:1/x\nRABBITMQ_URL=amqp://127.0.0.1:2\nREDIS_URL=redis://127.0.0.1:3\nLOG_LEVEL=debug\n';
    await writeFile(join(directory, 'data/servers.env'), file);
    expect(around(named).values).toMatchObject({ mongodbUri: named.MONGODB_URI, redisUrl: null });
    const found = around({ LOG_LEVEL: 'warn', MONGODB_URI: '' });
    expect(found).toMatchObject({ origin: 'data/servers.env', values: { mongodbUri: 'mongodb://127.0.0.1:1/x', logLevel: 'warn' } });
  });

  test('those of npm run servers are not asked with the user and the password that .env has for others', () => {
    const variables = { MONGODB_USERNAME: 'signalbox', MONGODB_PASSWORD: 'of the stack', REDIS_PASSWORD: 'set here' };
    const fromFile = new Set(['MONGODB_USERNAME', 'MONGODB_PASSWORD']);
    const found = surroundings(directory, { variables, fromFile, inFile: [...fromFile] });
    expect(found.variables['REDIS_PASSWORD']).toBe('set here');
    expect([found.variables['MONGODB_USERNAME'], found.variables['MONGODB_PASSWORD']]).toEqual(['', '']);
    expect(surroundings(directory, { variables: { ...variables, ...named }, fromFile, inFile: [] }).values.mongodbUsername).toBe(
      'signalbox',
    );
  });

  test('a wrong setting is refused with exit code 2, whoever set it', () => {
    expect(() => around({ ...named, NUM_WORKERS: 'x' })).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining('NUM_WORKERS') }),
    );
    expect(() => around({ NUM_WORKERS: 'x' })).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test('an address is read out of any of their URLs, and one where nobody listens is named', async () => {
    const variables = {
      MONGODB_URI: 'mongodb://user:p%40ss@db1:27018,db2/n?x=1',
      RABBITMQ_URL: 'amqps://u:p@mq/v',
      REDIS_URL: 'redis://[::1]:1',
    };
    const addresses = addressesOf(around(variables).values);
    expect(addresses).toEqual([
      { name: 'MongoDB', host: 'db1', port: 27_018 },
      { name: 'RabbitMQ', host: 'mq', port: 5_672 },
      { name: 'Redis', host: '::1', port: 1 },
    ]);
    expect(await unreachable([{ name: 'Redis', host: '127.0.0.1', port: 1 }])).toBe('Redis at 127.0.0.1:1 does not answer (ECONNREFUSED)');
  });
});

describe('The logs of many processes', () => {
  test('are cut at the ends of lines, wherever the pipe cut them', () => {
    const lines = new WholeLines();
    const out = ['{"a":', '1}\n{"b"', ':2}\n{"c":3}\n', '{"d"'].map((part) => lines.feed(Buffer.from(part)).toString());
    expect(out).toEqual(['', '{"a":1}\n', '{"b":2}\n{"c":3}\n', '']);
    expect(lines.last().toString()).toBe('{"d"\n');
    expect(lines.last().length).toBe(0);
  });

  test('hold what a crash says as lines like the others', () => {
    const text = asLogLines('worker-1', Buffer.from('Error: no\n    at once\n\n{"msg":"json"}\n'), new Date(0)).toString();
    const line = (msg: string) => ({ level: 'warn', time: '1970-01-01T00:00:00.000Z', service: 'signalbox', worker: 'worker-1', msg });
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((each) => JSON.parse(each) as object),
    ).toEqual([line('Error: no'), line('    at once'), { msg: 'json' }]);
  });

  test('are bounded: a file that has grown long is put aside, and a start begins a new one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'signalbox-logs-'));
    const path = join(directory, 'logs/worker-1.log');
    const log = new LogFile(path);
    const chunk = Buffer.alloc(8 * 1024 * 1024, 'x');
    for (let n = 0; n < 9; n += 1) log.write(chunk);
    expect((await stat(path)).size).toBe(chunk.length);
    expect((await stat(`${path}.1`)).size).toBe(4 * chunk.length);
    new LogFile(path).write(Buffer.from('new\n'));
    expect(await readFile(path, 'utf8')).toBe('new\n');
    await rm(directory, { recursive: true });
  });
});
