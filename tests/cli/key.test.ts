import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.js';
import { type Ran, signalbox } from './capture.js';

const ADMIN = 'ki7mX2pQ9sVb4tYz8WcR3nLf6HgJ1dKa0EuTo5ZxPlQs';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ AUTH_REQUIRED: 'on', ADMIN_API_KEY: ADMIN });
});
afterAll(() => app.stop());

const before = process.env['SIGNALBOX_API_KEY'];
beforeEach(() => {
  process.env['SIGNALBOX_API_KEY'] = ADMIN;
});
afterEach(() => {
  if (before === undefined) delete process.env['SIGNALBOX_API_KEY'];
  else process.env['SIGNALBOX_API_KEY'] = before;
});

function cli(...argv: readonly string[]): Promise<Ran> {
  return signalbox(...argv, '--url', app.url);
}

/** Makes a key and gives its text and its id. */
async function made(...argv: readonly string[]): Promise<readonly [text: string, id: string]> {
  const { code, out, err } = await cli('key', 'create', ...argv);
  expect({ code, out, err }).toMatchObject({ code: 0, out: expect.stringMatching(/^sbk_[0-9a-f]{16}_\S{43}\n$/) });
  return [out.trim(), /key ([0-9a-f]{16})/.exec(err)?.[1] ?? ''];
}

/** The exit code of a command that needs the scope read, with this key. */
async function tryRead(key: string): Promise<number> {
  process.env['SIGNALBOX_API_KEY'] = key;
  const { code } = await cli('explain', '--user', 'ada', '--since', '1h');
  process.env['SIGNALBOX_API_KEY'] = ADMIN;
  return code;
}

test('a key that was made is sent by every command, and is good for its scopes alone', async () => {
  const [key] = await made('orders', '--scopes', 'send,read');
  expect(await tryRead(key)).toBe(0);
  process.env['SIGNALBOX_API_KEY'] = key;
  const refused = await cli('key', 'list');
  expect(refused).toMatchObject({ code: 1, err: 'signalbox: This needs the scope admin (403 forbidden)\n' });
});

test('without a key a command says which variable to set, and no key is ever printed', async () => {
  delete process.env['SIGNALBOX_API_KEY'];
  expect(await cli('dlq', 'list')).toMatchObject({ code: 1, err: expect.stringMatching(/set SIGNALBOX_API_KEY .*\(401 unauthorized\)/) });
  process.env['SIGNALBOX_API_KEY'] = 'wrong-and-never-shown';
  const { code, err } = await cli('dlq', 'list');
  expect([code, err.includes('never-shown')]).toEqual([1, false]);
});

test('a rotation leaves both for a while; a revocation ends one', async () => {
  const [old, id] = await made('rotated', '--scopes', 'read', '--expires', '30');
  const { code, out, err } = await cli('key', 'rotate', id, '--overlap', '1h');
  expect([code, err]).toEqual([0, expect.stringContaining(`${id} is honoured until 20`)]);
  expect([await tryRead(old), await tryRead(out.trim())]).toEqual([0, 0]);
  expect(await cli('key', 'revoke', id)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^[0-9a-f]{16} \(rotated of default\) ended at .*, by admin\n$/),
  });
  expect([await tryRead(old), await tryRead(out.trim())]).toEqual([1, 0]);
});

test('the list shows the keys of a tenant without their secrets', async () => {
  const [key, id] = await made('shopkeeper', '--scopes', 'admin,read', '--tenant', 'shop');
  const { out } = await cli('key', 'list', '--tenant', 'shop');
  expect(out).toMatch(new RegExp(`^id +name +tenant.*\\n${id} +shopkeeper +shop +read,admin `));
  expect(out).not.toContain(key.slice(-43));
  expect((await cli('key', 'list', '--tenant', 'nobody')).out).toBe('no keys\n');
  expect(JSON.parse((await cli('key', 'list', '--tenant', 'shop', '--json')).out)).toMatchObject({ data: [{ keyId: id }] });
});

test.each([
  [['create', 'x'], /--scopes/],
  [['create', 'x', '--scopes', 'send,,read'], /list/],
  [['rotate', 'abc', '--overlap', 'soon'], /15m/],
  [['made'], /key has no command made/],
])('what is not understood ends with 2: key %j', async (argv, why) => {
  const { code, err } = await cli('key', ...argv);
  expect([code, err]).toEqual([2, expect.stringMatching(why)]);
});
