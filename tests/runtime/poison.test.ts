import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import type { Channel, Effect } from '../../src/ports/channel.js';
import { armChannels, armPorts, fuse } from '../../src/runtime/failpoints.js';
import { poisoned } from '../../src/runtime/poison.js';

function armed() {
  const sent: string[] = [];
  const harm: string[] = [];
  const channel: Channel = {
    name: 'webhook',
    effectClass: 'idempotent',
    provider: () => 'hooks.example.org',
    send: ({ recipient }) => {
      sent.push(recipient);
      return Promise.resolve({ kind: 'done' });
    },
  };
  const under = poisoned(channel, {
    exit: () => void harm.push('exit'),
    kill: () => void harm.push('kill'),
    block: (ms) => void harm.push(`block ${ms}`),
  });
  const send = (recipient: string) => under.send({ recipient } as Effect, new AbortController().signal);
  return { sent, harm, under, send };
}

describe('FAILPOINT=poison', () => {
  test('is taken in development and refused in production', () => {
    expect(loadConfig({ FAILPOINT: 'poison' }).failpoint).toBe('poison');
    expect(() => loadConfig({ FAILPOINT: 'poison:3' })).toThrow(/^FAILPOINT: /);
    expect(() => loadConfig({ NODE_ENV: 'production', FAILPOINT: 'poison' })).toThrow(/FAILPOINT: would kill this process/);
  });

  test('arms the channels and leaves the ports as they are', () => {
    expect(fuse('poison')).toBeNull();
    const ports = {} as Parameters<typeof armPorts>[1];
    expect(armPorts('poison', ports)).toBe(ports);
    const channel = { ...armed().under, close: () => undefined };
    expect(armChannels('poison', [channel])[0]).not.toBe(channel);
  });
});

describe('A poisoned channel', () => {
  test('sends to everybody who is not marked', async () => {
    const { sent, harm, under, send } = armed();
    await expect(send('https://hooks.example.org/n1')).resolves.toEqual({ kind: 'done' });
    expect([sent, harm]).toEqual([['https://hooks.example.org/n1'], []]);
    expect([under.name, under.effectClass, under.provider('x')]).toEqual(['webhook', 'idempotent', 'hooks.example.org']);
  });

  test.each([
    ['poison-throws-n1', []],
    ['https://hooks.example.org/poison-exits-n2', ['exit']],
    ['poison-kills@example.org', ['kill']],
    ['poison-blocks-7000-n3', ['block 7000']],
  ])('does harm on %s, and sends nothing', async (recipient, expected) => {
    const { sent, harm, send } = armed();
    await expect(send(recipient)).rejects.toThrow('a handler failed on');
    expect([sent, harm]).toEqual([[], expected]);
  });

  test('that hangs does not even heed its signal', async () => {
    const { send } = armed();
    const settled = send('poison-hangs').then(
      () => 'settled',
      () => 'settled',
    );
    const turns = new Promise((resolve) => setImmediate(() => resolve('hanging')));
    await expect(Promise.race([settled, turns])).resolves.toBe('hanging');
  });
});
