import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { openKeeper } from '../support/servers/keeper.js';
import { freePorts } from '../support/servers/ports.js';
import { server, serverOrSkip, startOwn } from '../support/servers/servers.js';
import { mongoPing } from '../support/servers/wire.js';

const before = { ...process.env };
const keepers: Server[] = [];
afterEach(() => {
  for (const http of keepers.splice(0)) http.close();
  for (const name of ['CI', 'SIGNALBOX_TEST_KEEPER', 'SIGNALBOX_TEST_REDIS_URL']) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

describe('a server that cannot be had', () => {
  test('is no error without CI: the reason is told', async () => {
    await keeperSays({ reason: 'install redis-server' });
    delete process.env['CI'];
    expect(await serverOrSkip('redis')).toEqual({ reason: 'install redis-server' });
  });

  test('is an error with CI=true', async () => {
    await keeperSays({ reason: 'install redis-server' });
    process.env['CI'] = 'true';
    await expect(serverOrSkip('redis')).rejects.toThrow('redis is needed in CI: install redis-server');
  });

  test('is an error for whoever cannot do without', async () => {
    await keeperSays({ reason: 'install redis-server' });
    await expect(server('redis')).rejects.toThrow('install redis-server');
  });
});

describe('the keeper', () => {
  test('takes the server that is given, asks it once for all, and leaves it running', async () => {
    const given = await startOwn('redis', { fast: true });
    process.env['SIGNALBOX_TEST_REDIS_URL'] = given.uri;
    const lines: string[] = [];
    const keeper = openKeeper((line) => lines.push(line));
    const answers = await Promise.all([keeper.ask('redis'), keeper.ask('redis'), keeper.ask('redis')]);
    for (const answer of answers) expect(answer).toMatchObject({ server: { uri: given.uri, origin: 'given' } });
    expect(lines).toEqual([expect.stringContaining(given.uri)]);
    await keeper.close();
    await given.ping();
    await given.dispose();
  });

  test('says why there is none when the given one does not answer', async () => {
    const [port = 0] = await freePorts(1);
    process.env['SIGNALBOX_TEST_REDIS_URL'] = `redis://127.0.0.1:${port}`;
    const keeper = openKeeper(() => {});
    expect(await keeper.ask('redis')).toEqual({ reason: expect.stringContaining('given by SIGNALBOX_TEST_REDIS_URL does not answer') });
  });
});

test('the ping of MongoDB is a well-formed message', () => {
  const message = mongoPing();
  expect(message.readInt32LE(0)).toBe(message.length);
  expect(message.readInt32LE(21)).toBe(message.length - 21);
  expect(message.subarray(-7).toString('latin1')).toBe('dmin\0\0'.padStart(7, 'a'));
});

/** From here on whoever asks for a server gets this answer. */
async function keeperSays(answer: object): Promise<void> {
  const http = createServer((_, response) => response.end(JSON.stringify(answer)));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  keepers.push(http);
  process.env['SIGNALBOX_TEST_KEEPER'] = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}
