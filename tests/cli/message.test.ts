import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, startApp, type TestApp } from '../support/app.js';
import { signalbox } from './capture.js';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

async function cli(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await signalbox(...argv, '--url', app.url);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

const send = (content: string, ...more: readonly string[]): Promise<string> =>
  cli('message', 'send', '--conversation', 'room', '--sender', 'ada', '--to', 'bob', '--to', 'eve', content, ...more);

describe('signalbox message', () => {
  test('sends, says of a repeat that it is one, and shows the conversation in its order', async () => {
    expect(await send('First')).toMatch(/^[0-9a-f-]{36} {2}pending\n$/);
    const id = (await send('Second', '--client-id', 'c-1')).slice(0, 36);
    expect(await send('Second', '--client-id', 'c-1')).toBe(`${id}  pending  (known already: nothing is stored again)\n`);
    const history = await eventually(async () => {
      const out = await cli('message', 'history', 'room');
      return out.split('\n').length === 3 ? out : null;
    });
    expect(history).toMatch(/^\S+Z +ada +First\n\S+Z +ada +Second\n$/);
    expect(await cli('message', 'history', 'room', '--newest', '--limit', '1')).toMatch(/^\S+Z +ada +Second\n$/);
    const shown = await cli('message', 'show', id);
    expect(shown).toMatch(/^conversation +room$/m);
    expect(shown).toMatch(/^state +persisted$/m);
    const told = JSON.parse(await cli('message', 'show', id, '--json')) as Readonly<Record<string, unknown>>;
    expect(told).toMatchObject({ recipientIds: ['bob', 'eve'], clientMessageId: 'c-1' });
    expect(await cli('message', 'history', 'nowhere')).toBe('nothing there\n');
  });

  test('ends with 1 where there is no such message, and with 2 where it is not understood', async () => {
    const missing = await signalbox('message', 'show', '00000000-0000-4000-8000-000000000000', '--url', app.url);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('not-found') });
    expect((await signalbox('message', 'send', 'Hello', '--url', app.url)).code).toBe(2);
  });
});

describe('signalbox stream', () => {
  test('says where a conversation is, and who owns what', async () => {
    expect(await cli('partition-of', 'test_conv_001')).toMatch(/^(\d+) {2}msg:stream:\1 {2}\(of 16\)\n$/);
    const status = await eventually(async () => {
      const out = await cli('stream', 'status');
      return / - /.test(out) ? null : out;
    });
    expect(status.split('\n')).toHaveLength(19);
    expect(status).toMatch(/16 partitions in epoch 1\n$/);
    expect(await cli('stream', 'parked')).toBe('none\n');
    expect(await cli('stream', 'release', 'room')).toBe('is not held\n');
  });

  test('pauses and goes on', async () => {
    expect(await cli('stream', 'pause')).toMatch(/^paused/);
    expect(await cli('stream', 'status')).toMatch(/paused\n$/);
    expect(await cli('stream', 'resume')).toBe('resumed\n');
  });

  test('waits until the old partitions are worked off', async () => {
    const { code, out } = await signalbox('stream', 'partitions', '32', '--url', app.url);
    expect({ code, out }).toEqual({ code: 0, out: '32 partitions in epoch 2\n' });
    expect((await signalbox('stream', 'partitions', '0', '--url', app.url)).code).toBe(2);
  }, 30_000);
});
