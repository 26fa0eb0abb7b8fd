import { describe, expect, test } from '@jest/globals';
import type { Hold, StreamEntry, StreamPorts } from '../../src/ports/stream.js';
import { armedLog, armHandling, armStream } from '../../src/runtime/stream-failpoints.js';
import { message, post, untilStored } from '../e2e/messages-suite.js';
import { startApp, type TestApp } from '../support/app.js';

const entry = (body: string): StreamEntry => ({ body }) as StreamEntry;
const signal = new AbortController().signal;

describe('A failpoint of the message log', () => {
  test('that is not set changes nothing: the very same stream and handler come back', () => {
    const stream = {} as StreamPorts;
    const handle = async () => [];
    for (const spec of [null, 'poison']) expect(armStream(spec, stream)).toBe(stream);
    expect(armStream('after-accept', null)).toBeNull();
    expect(armHandling(null, handle)).toBe(handle);
  });

  test('leaves every call as it is until its own moment', async () => {
    const calls: string[] = [];
    const answer = (name: string) => async () => {
      calls.push(name);
      return name === 'append' ? [{ outcome: 'repeat' }] : name === 'read' ? { entries: [entry('a')] } : name;
    };
    const names = ['append', 'read', 'settle', 'spare', 'arrival', 'waits', 'find', 'trim', 'depth'];
    const log = Object.fromEntries(names.map((name) => [name, answer(name)])) as unknown as StreamPorts['log'];
    const armed = armStream('after-send', { log } as StreamPorts)?.log;
    const hold = {} as Hold;
    await armed?.append([]);
    await armed?.read(hold, 1);
    await armed?.settle(hold, { done: [], parked: [] } as unknown as Parameters<StreamPorts['log']['settle']>[1]);
    await armed?.spare(hold, []);
    await armed?.arrival(hold, 1, signal);
    await armed?.waits({ tenant: 't', key: 'k' });
    await armed?.find('t', 'id');
    await armed?.trim(1);
    await armed?.depth();
    expect(calls).toEqual(names);
  });

  test('hands on what a read is to settle first, and passes the moments around it', async () => {
    const read: unknown[] = [];
    const log = {
      read: async (...args: readonly unknown[]) => {
        read.push(args);
        return 'stale';
      },
    } as unknown as StreamPorts['log'];
    const moments: string[] = [];
    const settled = { batch: 1, done: ['1-0'], parked: [] };
    await armedLog(log, (moment) => void moments.push(moment)).read({} as Hold, 5, settled);
    expect(read).toEqual([[{}, 5, settled]]);
    expect(moments).toEqual(['before-ack', 'after-ack']);
  });
});

describe('FAILPOINT=poison', () => {
  test('does harm where a message asks for it, and to no other', async () => {
    const harm: string[] = [];
    const handled: string[] = [];
    const handle = armHandling(
      'poison',
      async (entries) => {
        handled.push(...entries.map(({ body }) => body));
      },
      { exit: () => void harm.push('exit'), kill: () => void harm.push('kill'), block: (ms) => void harm.push(`block ${ms}`) },
    );
    await handle([entry('a'), entry('b')], signal);
    for (const mark of ['throws', 'exits', 'kills', 'blocks-7']) {
      await expect(handle([entry('c'), entry(`x poison-${mark} y`)], signal)).rejects.toThrow(`failed on ${mark}`);
    }
    expect(handled).toEqual(['a', 'b']);
    expect(harm).toEqual(['exit', 'kill', 'block 7']);
  });

  test('makes a dead letter of the message alone: its conversation and its partition go on', async () => {
    const app: TestApp = await startApp({ FAILPOINT: 'poison', STREAM_MAX_RETRIES: '2' });
    try {
      const say = (n: number, content: string) => post(app, message({ conversationId: 'sick', clientMessageId: `s-${n}`, content }));
      await say(1, 'before');
      const id = await say(2, 'poison-throws');
      await say(3, 'after');
      const stored = await untilStored(app, 'sick', 2);
      expect(stored.map(({ content }) => content)).toEqual(['before', 'after']);
      expect((await app.get(`/api/v1/dead-letters/${id}`)).body).toMatchObject({ attempts: 3, failure: { code: 'handler_failed' } });
      expect((await app.get(`/api/v1/messages/${id}`)).body).toMatchObject({ state: 'failed', attempts: 3 });
    } finally {
      await app.stop();
    }
  }, 30_000);
});
