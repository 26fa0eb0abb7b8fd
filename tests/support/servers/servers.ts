import { get } from 'node:http';
import { describe } from '@jest/globals';
import type { Server } from './choose.js';
import type { Kept } from './keeper.js';
import type { ServerName } from './recipe.js';

export type { Server } from './choose.js';
export { type OwnServer, startOwn } from './own.js';
export type { ServerName } from './recipe.js';

/** What a test file has when it asked with `serverOrSkip`: the server, or why it is skipped. */
export type Wanted = Kept;

/**
 * A running server of this kind, shared by all tests of the run: use database, queue and key names of your own, and leave it running.
 * The first who asks waits for its start (minutes when it must be installed first), so ask at the top level of a test file, which has
 * no time limit: `const mongodb = await server('mongodb')`. Rejects with the reason when it cannot be had.
 */
export async function server(name: ServerName): Promise<Server> {
  const kept = await ask(name);
  if ('server' in kept) return kept.server;
  throw new Error(`${name} is needed here: ${kept.reason}`);
}

/**
 * As `server`; where it cannot be had the tests under `describeWith` are skipped and say why. With CI=true nothing is skipped:
 * it rejects.
 */
export async function serverOrSkip(name: ServerName): Promise<Wanted> {
  const kept = await ask(name);
  if ('reason' in kept && process.env['CI'] === 'true') throw new Error(`${name} is needed in CI: ${kept.reason}`);
  return kept;
}

/** `describe` with that server, or skipped, with the reason in its title and on standard error. */
export function describeWith(wanted: Wanted, title: string, tests: (server: Server) => void): void {
  if ('server' in wanted) {
    describe(title, () => tests(wanted.server));
    return;
  }
  process.stderr.write(`SKIPPED: ${title}: ${wanted.reason}\n`);
  describe.skip(`${title} (skipped: ${wanted.reason})`, () => tests({} as Server));
}

function ask(name: ServerName): Promise<Kept> {
  const keeper = process.env['SIGNALBOX_TEST_KEEPER'];
  if (keeper === undefined) throw new Error('no keeper of servers: run the tests by `npm test`; outside of them use startOwn');
  return new Promise((resolve, reject) => {
    const request = get(`${keeper}/${name}`, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(JSON.parse(text) as Kept));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
