import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Embedded, openEmbedded } from '../../src/adapters/embedded/embedded.js';
import { migrate, SCHEMA_VERSION } from '../../src/adapters/embedded/schema.js';
import { hasOwnSqlite, loadSqlite } from '../../src/adapters/embedded/sqlite.js';
import type { TakenWakeUp } from '../../src/ports/queue.js';
import { draftOf } from '../contracts/drafts.js';
import { temporaryDirectory } from './embedded-harness.js';
import { ManualTime } from './manual-time.js';

const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;
const PAGE_SIZE = 4096;

let directory: ReturnType<typeof temporaryDirectory>;
let dataDir: string;
let file: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  directory = temporaryDirectory();
  dataDir = join(directory.path, 'data');
  file = join(dataDir, 'signalbox.db');
});
afterEach(async () => {
  for (const child of running.splice(0)) await kill(child);
  directory.dispose();
});

function open(path = dataDir): Promise<Embedded> {
  const time = new ManualTime();
  const onFatal = (error: Error): void => {
    throw error;
  };
  return openEmbedded({ dataDir: path, clock: time, timers: time, onFatal });
}

async function fill(count: number): Promise<void> {
  const embedded = await open();
  await embedded.store.accept(Array.from({ length: count }, (_, n) => draftOf({ id: `r${n}`, createdAt: 1, body: 'x'.repeat(500) })));
  await embedded.close();
}

function start(mode: 'hold' | 'write'): { child: ChildProcess; lines: Interface } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'tests/adapters/embedded-child.ts', mode, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  if (child.stdout === null) throw new Error('no stdout');
  return { child, lines: createInterface({ input: child.stdout }) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** The file is refused with one line that says so, and is left as it was, byte for byte. */
async function expectRefused(why: RegExp): Promise<void> {
  const before = readFileSync(file);
  const error = await open().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'SignalboxError', code: 'store-refused', message: expect.stringMatching(why) });
  expect(error).toMatchObject({ message: expect.stringContaining(file) });
  expect(error).toMatchObject({ message: expect.not.stringMatching(/\n/) });
  expect(readFileSync(file).equals(before)).toBe(true);
}

function overwrite(at: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, at);
  writeFileSync(file, content);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe('a data file is refused, and left as it is,', () => {
  test('when it is not SQLite at all', async () => {
    mkdirSync(dataDir);
    writeFileSync(file, 'a shopping list');
    await expectRefused(/not a Signalbox data file/);
    writeFileSync(file, Buffer.alloc(10 * PAGE_SIZE, 'a longer shopping list '));
    await expectRefused(/not a Signalbox data file/);
  });

  test('when it is another program’s', async () => {
    await fill(1);
    overwrite(APPLICATION_ID_AT, uint32(0x0f055111));
    await expectRefused(/another program/);
    overwrite(APPLICATION_ID_AT, uint32(0));
    await expectRefused(/another program/);
  });

  test('when a newer Signalbox wrote it', async () => {
    await fill(1);
    overwrite(USER_VERSION_AT, uint32(SCHEMA_VERSION + 1));
    await expectRefused(new RegExp(`newer Signalbox \\(format ${SCHEMA_VERSION + 1}, this one knows ${SCHEMA_VERSION}\\)`));
  });

  test('when its end is torn off', async () => {
    await fill(200);
    truncateSync(file, readFileSync(file).length / 2);
    await expectRefused(/damaged/);
    truncateSync(file, 1000);
    await expectRefused(/damaged/);
    truncateSync(file, 50);
    await expectRefused(/not a Signalbox data file/);
  });

  test('when pages in its middle are overwritten', async () => {
    await fill(200);
    overwrite(5 * PAGE_SIZE, Buffer.alloc(20 * PAGE_SIZE, 0xff));
    await expectRefused(/damaged/);
  });

  test('while this process has it open already', async () => {
    const embedded = await open();
    await expectRefused(/has it open already/);
    await embedded.store.accept([draftOf({ id: 'a', createdAt: 1 })]);
    await embedded.close();
    await (await open()).close();
  });
});

test('a data directory that cannot be used is refused in one line that names it', async () => {
  writeFileSync(join(directory.path, 'plain'), 'a file');
  for (const path of [join(directory.path, 'plain'), join(directory.path, 'plain', 'below')]) {
    await expect(open(path)).rejects.toMatchObject({ code: 'store-refused', message: expect.stringContaining(path) });
  }
  mkdirSync(file, { recursive: true });
  await expect(open()).rejects.toMatchObject({ code: 'store-refused', message: expect.stringContaining(file) });
});

test('a data directory that cannot be made is refused at once, in one line', () => {
  // In a process of its own: what hangs here hangs the whole process.
  for (const path of ['/proc/nope', '/proc/nope/deeper']) {
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', 'tests/adapters/embedded-child.ts', 'refused', path], {
      encoding: 'utf8',
      timeout: 10_000,
      killSignal: 'SIGKILL',
    });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^store-refused The data directory \/proc\/nope.* cannot be used: .+\n$/),
    });
  }
}, 30_000);

test('a data directory is made with all that is missing above it, for us alone', async () => {
  const path = join(dataDir, 'a', 'b');
  await (await open(path)).close();
  for (const made of [dataDir, join(dataDir, 'a'), path]) expect(statSync(made).mode & 0o777).toBe(0o700);
  const link = join(directory.path, 'link');
  symlinkSync(path, link);
  await (await open(link)).close();
  symlinkSync(join(directory.path, 'nowhere'), join(directory.path, 'dangling'));
  await expect(open(join(directory.path, 'dangling'))).rejects.toMatchObject({ code: 'store-refused' });
});

test('a file of the first format is brought up to date, with its records', async () => {
  mkdirSync(dataDir);
  const { DatabaseSync } = await loadSqlite();
  const database = new DatabaseSync(file);
  migrate(database, 0, 1);
  database.exec(`
    INSERT INTO records (seq, tenant, id, workload, status, urgent, created_at, updated_at) VALUES (1, 't', 'old', 'w', 'dead', 0, 1, 1);
    INSERT INTO contents (record, body) VALUES (1, '{}')`);
  database.close();
  const { reader, close } = await open();
  expect(await reader.list({ tenant: 't', workload: 'w', status: 'dead', limit: 10 })).toMatchObject([{ id: 'old' }]);
  await close();
  expect(readFileSync(file).readUInt32BE(USER_VERSION_AT)).toBe(SCHEMA_VERSION);
});

test('an empty file is a new one, and a closed one leaves no log beside it', async () => {
  mkdirSync(dataDir);
  writeFileSync(file, '');
  await fill(3);
  const embedded = await open();
  expect((await embedded.reader.backlog()).open).toBe(3);
  await embedded.probe();
  await embedded.close();
});

test('after close every call is refused, and closing again is fine', async () => {
  const { store, reader, outbox, queue, probe, close } = await open();
  const waiting = store.accept([draftOf({ id: 'a', createdAt: 1 })]);
  const taken = new Promise<TakenWakeUp | undefined>((resolve) => void queue.consume(1, ([wakeUp]) => resolve(wakeUp)));
  await queue.publish([draftOf({ id: 'a', createdAt: 1 })]);
  const wakeUp = await taken;
  await close();
  await close();
  expect((await waiting)[0]?.outcome).toBe('created');
  const refused = { name: 'SignalboxError', code: 'store-unavailable' };
  await expect(store.accept([])).rejects.toMatchObject(refused);
  await expect(store.renew([], 1000)).rejects.toMatchObject(refused);
  await expect(reader.get({ tenant: 't', id: 'a' })).rejects.toMatchObject(refused);
  await expect(outbox.due(1, 1000)).rejects.toMatchObject(refused);
  await expect(probe()).rejects.toMatchObject(refused);
  await expect(queue.publish([])).rejects.toMatchObject({ code: 'queue-unavailable' });
  await expect(queue.depth()).rejects.toMatchObject({ code: 'queue-unavailable' });
  await expect(wakeUp?.ack()).rejects.toMatchObject({ code: 'queue-unavailable' });
});

test('a second process is refused while the first lives, and let in when it is killed', async () => {
  const { child, lines } = start('hold');
  await new Promise((resolve) => lines.once('line', resolve));
  await expect(open()).rejects.toMatchObject({
    code: 'store-refused',
    message: expect.stringMatching(/signalbox\.db.*another process holds it/),
  });
  await kill(child);
  await (await open()).close();
});

test('everything that was acknowledged before a kill -9 in the middle of writes is there afterwards', async () => {
  const { child, lines } = start('write');
  const said: string[] = [];
  lines.on('line', (line) => {
    said.push(line);
    if (said.length === 2000) child.kill('SIGKILL');
  });
  await new Promise((resolve) => lines.once('close', resolve));
  const ids = (what: string) => said.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));
  expect(ids('delivered').length).toBeGreaterThan(100);
  const { reader, queue, close } = await open();
  for (const id of ids('accepted')) expect(await reader.get({ tenant: 't', id })).toMatchObject({ id, payload: { body: 'A body' } });
  for (const id of ids('claimed')) expect(await reader.get({ tenant: 't', id })).toMatchObject({ claims: 1, lockToken: 1 });
  for (const id of ids('tried')) expect((await reader.history({ tenant: 't', id })).ledger[0]).toMatchObject({ kind: 'intent' });
  for (const id of ids('delivered')) expect(await reader.get({ tenant: 't', id })).toMatchObject({ status: 'delivered', lockedBy: null });
  expect((await queue.depth()).waiting).toBeGreaterThanOrEqual(ids('published').length);
  expect((await reader.deliveryCounts()).delivered).toBeGreaterThanOrEqual(ids('delivered').length);
  await close();
}, 60_000);

test('Node’s own SQLite is used from where it needs no flag', () => {
  const own = (version: string): boolean => hasOwnSqlite(version);
  expect(['22.13.0', '22.20.1', '23.4.0', '24.0.0', '26.1.2'].every(own)).toBe(true);
  expect(['20.19.0', '22.12.0', '23.3.0'].some(own)).toBe(false);
});
