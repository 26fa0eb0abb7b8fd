import { startOwn } from '../tests/support/servers/own.js';
import { cpuOf } from './server-cpu.js';

/** The server that all contestants of a case use. */
export interface MongodbServer {
  /** Product and version, for people. */
  readonly about: string;
  /** A database of this name. */
  uriOf(database: string): string;
  /** User and system time of all its processes so far, microseconds; NaN where it is not ours and cannot be seen. */
  cpuMicros(): Promise<number>;
  dispose(): Promise<void>;
}

/** The one named by SIGNALBOX_TEST_MONGODB_URI, else one of our own that waits for its disk. */
export async function mongodbServer(): Promise<MongodbServer> {
  const given = process.env['SIGNALBOX_TEST_MONGODB_URI'];
  if (given !== undefined && given !== '') {
    const about = 'the server of SIGNALBOX_TEST_MONGODB_URI, whose CPU cannot be seen';
    return { about, uriOf: (database) => within(given, database), cpuMicros: async () => Number.NaN, dispose: async () => {} };
  }
  const own = await startOwn('mongodb');
  return {
    about: own.about,
    uriOf: (database) => within(own.uri, database),
    cpuMicros: async () => cpuOf(await own.pids()),
    dispose: () => own.dispose(),
  };
}

function within(uri: string, database: string): string {
  return uri.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?/, `$1/${database}`);
}
