import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DatabaseConnectionPool } from '../../src/adapters/mongo/pool.js';
import { databaseOn, optionsFor } from '../adapters/mongo-harness.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { signalbox } from './capture.js';

const NAMES = ['MONGODB_URI', 'DIRECT_DATABASE_URL', 'MONGODB_USERNAME', 'MONGODB_PASSWORD'] as const;
let before: (string | undefined)[];
beforeEach(() => {
  before = NAMES.map((name) => process.env[name]);
  // Set to nothing: what is not there a .env of this directory would add.
  for (const name of NAMES) process.env[name] = '';
});
afterEach(() => {
  for (const [index, name] of NAMES.entries()) {
    const value = before[index];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

describe('signalbox migrate', () => {
  test('says of the embedded store that there is nothing to do', async () => {
    expect(await signalbox('migrate', 'up')).toMatchObject({ code: 0, out: expect.stringContaining('embedded store') });
  });

  test('an address that is none is named without being shown', async () => {
    process.env['MONGODB_URI'] = 'http://secret@example.org';
    const { code, err } = await signalbox('migrate', 'status');
    expect(code).toBe(1);
    expect(err).toContain('MONGODB_URI');
    expect(err).not.toContain('secret');
  });

  test('a step must be a number', async () => {
    expect((await signalbox('migrate', 'down', '--to', 'x')).code).toBe(2);
  });
});

describeWith(await serverOrSkip('mongodb'), 'signalbox migrate on MongoDB', (server) => {
  test('shows, plans, applies and takes back', async () => {
    const uri = databaseOn(server.uri);
    process.env['DIRECT_DATABASE_URL'] = uri;
    expect((await signalbox('migrate', 'status')).out).toContain('1  not applied');
    expect((await signalbox('migrate', 'up', '--dry-run')).out).toMatch(/^would do: 1 .*\n {2}create unique index notifications\./);
    expect((await signalbox('migrate', 'status')).out).toContain('1  not applied');
    expect((await signalbox('migrate', 'up')).out).toMatch(/^done: 1 /);
    expect((await signalbox('migrate', 'up')).out).toBe('There is nothing to do.\n');
    const { out } = await signalbox('--json', 'migrate', 'status');
    expect(JSON.parse(out)).toContainEqual({ number: 1, name: expect.any(String), appliedAt: expect.stringMatching(/Z$/) });
    expect((await signalbox('migrate', 'down', '--to', '0')).out).toContain('drop index notifications.pending');
    expect((await signalbox('migrate', 'status')).out).toContain('1  not applied');
    const pool = await DatabaseConnectionPool.open(optionsFor(uri));
    await pool.run((database) => database.dropDatabase());
    await pool.close();
  });
});
