import { expect, test } from '@jest/globals';
import { describeWith, serverOrSkip, startOwn } from '../support/servers/servers.js';

const redis = await serverOrSkip('redis');

describeWith(redis, 'a shared server', (shared) => {
  test('answers', async () => {
    const { Redis } = await import('ioredis');
    const client = new Redis(shared.uri);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });
});

test('a server of our own is killed and started again', async () => {
  const own = await startOwn('redis');
  await own.kill();
  expect(own.running).toBe(false);
  await expect(own.ping()).rejects.toThrow();
  await own.start();
  await own.ping();
  await own.dispose();
});
