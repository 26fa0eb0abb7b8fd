import { dockerAnswers, hasImage, startContainer } from './containers.js';
import { type OwnServer, startOwn } from './own.js';
import type { ServerName } from './recipe.js';
import { recipes } from './recipes.js';

/** A server for tests, which they share: use names of your own in it, and leave it running. */
export interface Server {
  readonly name: ServerName;
  readonly uri: string;
  /** Where it comes from: somebody's own, a container of ours, or started here from what is installed. */
  readonly origin: 'given' | 'container' | 'installed';
  /** Product and version, for people. */
  readonly about: string;
  /** How long it took until it answered, in milliseconds. */
  readonly startMs: number;
}

/** Setting by which a person names a server for tests. */
const GIVEN: Readonly<Record<ServerName, string>> = {
  mongodb: 'SIGNALBOX_TEST_MONGODB_URI',
  rabbitmq: 'SIGNALBOX_TEST_RABBITMQ_URL',
  redis: 'SIGNALBOX_TEST_REDIS_URL',
  toxiproxy: 'SIGNALBOX_TEST_TOXIPROXY_URL',
};

/** `container` or `installed`: only those. */
const ONLY = 'SIGNALBOX_TEST_SERVERS';

/** A server and the way to be rid of it. */
export interface Chosen {
  readonly server: Server;
  release(): Promise<void>;
}

/** The one that is given; else in a container, where a Docker engine answers; else what is installed, or can be. */
export async function choose(name: ServerName, tell: (line: string) => void): Promise<Chosen> {
  const given = process.env[GIVEN[name]];
  if (given !== undefined && given !== '') return { server: await pinged(name, given), release: async () => {} };
  const own = await containerOrInstalled(name, tell);
  const { uri, origin, about, startMs } = own;
  return { server: { name, uri, origin, about, startMs }, release: () => own.dispose() };
}

async function containerOrInstalled(name: ServerName, tell: (line: string) => void): Promise<OwnServer> {
  const only = process.env[ONLY];
  if (only !== 'installed' && hasImage(name) && (await dockerAnswers())) {
    try {
      return await startContainer(name, { fast: true });
    } catch (error) {
      if (only === 'container') throw error;
      tell(`servers: ${name}: no container (${error instanceof Error ? error.message : String(error)}), so an installed one`);
    }
  }
  return startOwn(name, { fast: true });
}

async function pinged(name: ServerName, uri: string): Promise<Server> {
  const startedAt = performance.now();
  try {
    await recipes[name].ping(uri);
  } catch (error) {
    throw new Error(`the ${name} given by ${GIVEN[name]} does not answer: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { name, uri, origin: 'given', about: `given by ${GIVEN[name]}`, startMs: Math.round(performance.now() - startedAt) };
}
