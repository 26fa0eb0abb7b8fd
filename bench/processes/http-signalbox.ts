/** Contestant "signalbox" over HTTP: the whole platform as `wire.ts` puts it together, accepting and not consuming. */
import { setTimeout } from 'node:timers/promises';
import type * as ConfigModule from '../../src/config.js';
import type * as LogModule from '../../src/telemetry/log.js';
import type * as WireModule from '../../src/wire.js';
import { built, makeDataDir, removeDataDir } from '../built.js';
import { serve } from '../child.js';
import { meter, type Spent } from '../meter.js';
import { countRows, type RowCounts } from '../rows.js';
import { listenIn, writeTape } from '../tape.js';
import { SETTLE_MS } from './http.js';

const { loadConfig } = await built<typeof ConfigModule>('config.js');
const { createLog } = await built<typeof LogModule>('telemetry/log.js');
const { wire } = await built<typeof WireModule>('wire.js');

const dataDir = makeDataDir();
process.once('exit', () => removeDataDir(dataDir));

const listener = await listenIn(process.env['BENCH_TAPE'] === 'on');
const config = loadConfig({
  SERVER_PORT: '0',
  DATA_DIR: dataDir,
  SINK: 'off',
  SMTP_URL: 'smtp://127.0.0.1:2525',
  // Delivery is another case's business.
  ENABLE_STREAM_CONSUMERS: 'false',
  MAX_INGRESS_BACKLOG: '100000000',
});
const onFatal = (error: Error): never => {
  throw error;
};
const log = createLog({ level: config.logLevel, worker: config.workerId, version: '0' });
const app = await wire({ config, log, version: '0', onFatal });
const port = await app.start();

let spent: () => Spent = meter();
let commitsBefore = 0;

serve({
  port: () => port,
  begin() {
    commitsBefore = listener.commits;
    spent = meter();
  },
  async end(): Promise<{ spent: Spent; commits: number }> {
    // What follows an answer (marking the wake-up as published) belongs to the item, too.
    await setTimeout(SETTLE_MS);
    return { spent: spent(), commits: listener.commits - commitsBefore };
  },
  async keepTape({ path }: { path: string }): Promise<RowCounts> {
    if (listener.tape === null || listener.database === undefined) throw new Error('nothing was recorded');
    const tape = { sql: [...listener.tape.sql], transactions: [...listener.tape.transactions] };
    await writeTape(tape, path);
    return countRows(listener.database);
  },
  stop: () => app.stop(),
});
