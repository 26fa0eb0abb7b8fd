import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serversDirectory } from './install.js';
import type { Place, Recipe } from './recipe.js';
import { askOverTcp, mongoPing } from './wire.js';

const run = promisify(execFile);
const STAND_IN = fileURLToPath(new URL('./mongodb-stand-in.sh', import.meta.url));

/** MongoDB's protocol: `mongod` where there is one, else the stand-in (see its script for what that lacks). One more port: its PostgreSQL's. */
export const mongodb: Recipe = {
  name: 'mongodb',
  morePorts: 1,
  readyWithinMs: 60_000,
  stopWithinMs: 20_000,
  async about() {
    const version = await mongod();
    return version === null ? 'a stand-in for MongoDB 7.0 (FerretDB 2.7 on PostgreSQL)' : `MongoDB ${version}`;
  },
  uri: (port) => `mongodb://127.0.0.1:${port}`,
  async prepare(place) {
    const { dataDir, ports, fast } = place;
    if ((await mongod()) !== null) {
      await mkdir(join(dataDir, 'db'), { recursive: true });
      return [
        { argv: ['mongod', '--bind_ip', '127.0.0.1', '--port', String(ports[0]), '--dbpath', join(dataDir, 'db')], cwd: dataDir, env: {} },
      ];
    }
    await linkToData(place);
    const env = {
      MONGO_PORT: String(ports[0]),
      PGPORT: String(ports[1]),
      NAME: nameOf(place),
      FAST: fast ? '1' : '0',
      SIGNALBOX_SERVERS_DIR: serversDirectory(),
    };
    return [{ argv: ['bash', STAND_IN, 'run'], cwd: dataDir, env }];
  },
  async ping(uri) {
    // The driver takes a second to load: ours are asked without it.
    const own = /^mongodb:\/\/127\.0\.0\.1:(\d+)$/.exec(uri)?.[1];
    if (own !== undefined) {
      await askOverTcp(Number(own), mongoPing(), 16, 5_000);
      return;
    }
    const { createConnection } = await import('mongoose');
    const connection = createConnection(uri, { serverSelectionTimeoutMS: 2_000, socketTimeoutMS: 5_000, maxPoolSize: 1 });
    try {
      const connected = await connection.asPromise();
      await connected.db?.admin().ping();
    } finally {
      await connection.destroy(true);
    }
  },
  elsewhere: (place) => [dataOf(place)],
};

/** The version of the `mongod` that is installed here, if any is. */
async function mongod(): Promise<string | null> {
  try {
    const { stdout } = await run('mongod', ['--version']);
    return /v(\d\S*)/.exec(stdout)?.[1] ?? '?';
  } catch {
    return null;
  }
}

/** The data directory has a link to the data; where somebody deleted it, they meant the data. */
async function linkToData(place: Place): Promise<void> {
  const link = join(place.dataDir, 'data');
  if (
    await lstat(link).then(
      () => true,
      () => false,
    )
  )
    return;
  await rm(dataOf(place), { recursive: true, force: true });
  await symlink(dataOf(place), link);
}

function dataOf(place: Place): string {
  return join(serversDirectory(), 'forky/srv', nameOf(place));
}

/** The stand-in keeps its data in its own root; the name follows from the data directory, so a restart finds it. */
function nameOf({ dataDir }: Place): string {
  return `signalbox-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`;
}
