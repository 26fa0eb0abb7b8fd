import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openFile } from '../../src/adapters/embedded/open.js';
import { temporaryDirectory } from '../adapters/embedded-harness.js';
import { makeMongoCopies } from '../adapters/mongo-copies-harness.js';
import { describeWith, type OwnServer, serverOrSkip, startOwn } from '../support/servers/servers.js';
import { signalbox } from './capture.js';

const NAMES = ['MONGODB_URI', 'DIRECT_DATABASE_URL', 'DATABASE_URL', 'DATA_DIR', 'MONGODB_USERNAME', 'MONGODB_PASSWORD'] as const;
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

describe('signalbox dedupe', () => {
  test('finds nothing in the data file, whose table keeps copies out', async () => {
    const { path, dispose } = temporaryDirectory();
    process.env['DATA_DIR'] = path;
    (await openFile(path)).close();
    const { code, out } = await signalbox('dedupe');
    expect(out).toBe('0 messages; the unique index is there\n0 messages with copies: 0 rows would be removed\n');
    expect(code).toBe(0);
    dispose();
  });

  test('refuses where there is no data file, and where a server has it open', async () => {
    const { path, dispose } = temporaryDirectory();
    process.env['DATA_DIR'] = join(path, 'none');
    expect(await signalbox('dedupe')).toMatchObject({ code: 1, err: expect.stringContaining('There is no data file') });
    process.env['DATA_DIR'] = path;
    const held = await openFile(path);
    expect(await signalbox('dedupe')).toMatchObject({ code: 1, err: expect.stringContaining('has it open already') });
    held.close();
    dispose();
  });

  test('asks before it removes, and says so where nobody can be asked', async () => {
    expect(await signalbox('dedupe', '--apply')).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
    expect(await signalbox('dedupe', '--apply', '--dry-run', '--yes')).toMatchObject({ code: 2 });
  });
});

describeWith(await serverOrSkip('mongodb'), 'signalbox dedupe on MongoDB', () => {
  // Of its own: the shared one was seen to refuse the audit of one database while other tests make and drop indexes of theirs.
  let server: OwnServer;
  beforeAll(async () => {
    server = await startOwn('mongodb');
  }, 120_000);
  afterAll(() => server?.dispose());

  test('tells of copies, removes them, and migrate up then makes the index', async () => {
    const harness = await makeMongoCopies(server.uri);
    process.env['DIRECT_DATABASE_URL'] = harness.uri;
    await harness.unguard();
    await harness.plant([
      { id: 'late', idempotencyKey: 'k', acceptedAt: 9 },
      { id: 'early', idempotencyKey: 'k', acceptedAt: 3 },
      { id: 'other', idempotencyKey: 'o' },
      { id: 'keyless', idempotencyKey: null },
    ]);
    const dry = await signalbox('dedupe');
    expect(dry).toMatchObject({ code: 1, err: '' });
    expect(dry.out).toBe(
      [
        '4 messages, 1 of them without a key (left alone); the unique index is missing: signalbox migrate up makes it, once there are no copies',
        'keep early  remove late',
        '1 message with copies: 1 row would be removed',
        'signalbox dedupe --apply removes them',
        '',
      ].join('\n'),
    );
    const lines = (await signalbox('--json', 'dedupe')).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { keep: 'early', remove: ['late'] },
      { dryRun: true, messages: 4, withoutKey: 1, guarded: false, sets: 1, copies: 1, removed: 0 },
    ]);
    expect(await harness.ids()).toEqual(['early', 'keyless', 'late', 'other']);
    expect(await signalbox('migrate', 'up')).toMatchObject({ code: 1, err: expect.stringContaining('duplicates') });

    const applied = await signalbox('dedupe', '--apply', '--yes');
    expect(applied).toMatchObject({ code: 0, out: expect.stringContaining('the unique index is missing') });
    expect(applied.out).toMatch(/1 row removed\nnow make the unique index: signalbox migrate up\n$/);
    expect(await harness.ids()).toEqual(['early', 'keyless', 'other']);
    expect((await signalbox('migrate', 'up')).out).toContain('create unique index messages.messages_once');
    expect(await signalbox('dedupe')).toMatchObject({ code: 0, out: expect.stringContaining('the unique index is there') });
    expect((await signalbox('migrate', 'up')).out).toBe('There is nothing to do.\n');
    await harness.dispose();
  }, 60_000);

  test('says that rows without a key keep the index from being made', async () => {
    const harness = await makeMongoCopies(server.uri);
    process.env['DIRECT_DATABASE_URL'] = harness.uri;
    await harness.unguard();
    await harness.plant(['a', 'b'].map((id) => ({ id, idempotencyKey: null })));
    expect(await signalbox('dedupe')).toMatchObject({ code: 0, out: expect.stringContaining('cannot be made while 2 rows have no key') });
    expect(await signalbox('migrate', 'up')).toMatchObject({ code: 1 });
    await harness.dispose();
  }, 60_000);
});
