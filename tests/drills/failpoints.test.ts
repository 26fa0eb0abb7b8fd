import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { armChannels, type armedPorts, armPorts, FAILPOINTS, type FailpointName, fuse } from '../../src/runtime/failpoints.js';
import { eventually } from '../support/app.js';
import { type FrozenBuild, freezeBuild } from '../support/frozen-build.js';
import { startServer } from '../support/server-process.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  SMTP_URL: 'smtp://mail.example.org:25',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  LINK_SECRET: 'l'.repeat(32),
};

describe('The setting FAILPOINT', () => {
  test.each(FAILPOINTS)('takes %s', (name) => {
    expect(loadConfig({ FAILPOINT: `${name}:3` }).failpoint).toBe(`${name}:3`);
    expect(fuse(`${name}:3`, () => {})).not.toBeNull();
  });

  test('is refused in production', () => {
    expect(loadConfig(PRODUCTION).failpoint).toBeNull();
    expect(() => loadConfig({ ...PRODUCTION, FAILPOINT: 'after-send' })).toThrow(/FAILPOINT: would kill this process/);
  });

  test.each(['after-send:0', 'after-send:x', 'send', 'after-send:1:2', 'after-send:stop'])(
    'is refused where it cannot be read: %s',
    (text) => {
      expect(() => loadConfig({ FAILPOINT: text })).toThrow(/^FAILPOINT: /);
    },
  );

  test('is refused by name where there is no such moment', () => {
    expect(() => fuse('after-lunch')).toThrow(/FAILPOINT: after-lunch is none of before-accept, /);
  });
});

describe('A fuse', () => {
  test('burns at the n-th pass of its own moment, and once', () => {
    let deaths = 0;
    const hit = fuse('after-send:2', () => {
      deaths += 1;
    });
    const passed: readonly FailpointName[] = ['after-send', 'before-ack', 'after-send', 'after-send'];
    const seen = passed.map((name) => {
      hit?.(name);
      return deaths;
    });
    expect(seen).toEqual([0, 0, 1, 1]);
  });

  test('stops the process instead of killing it where that is asked for', () => {
    const happened: string[] = [];
    const spec = loadConfig({ FAILPOINT: 'before-ack:2:stop' }).failpoint;
    const hit = fuse(
      spec,
      () => happened.push('killed'),
      () => happened.push('stopped'),
    );
    for (let pass = 0; pass < 3; pass += 1) hit?.('before-ack');
    expect(happened).toEqual(['stopped']);
  });

  test('that is not set changes nothing: the very same ports and channels come back', () => {
    const ports = {} as Parameters<typeof armedPorts>[0];
    const channels: Parameters<typeof armChannels>[1] = [];
    expect(armPorts(null, ports)).toBe(ports);
    expect(armChannels(null, channels)).toBe(channels);
  });
});

describe('A server with a failpoint', () => {
  let build: FrozenBuild;
  beforeAll(async () => {
    build = await freezeBuild();
  });
  afterAll(() => build.remove());

  /** What a client and the sink can tell apart afterwards, by the moment of death. */
  test.each(FAILPOINTS)('dies at %s by SIGKILL', async (name) => {
    const server = await startServer({ directory: build.directory, settings: { SINK: 'on', FAILPOINT: name } });
    try {
      const url = `${server.url}/api/v1/notifications`;
      const body = JSON.stringify({ userId: 'u', channels: ['email'], to: { email: 'a@example.org' }, body: 'x' });
      const answered = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(
        (response) => response.status,
        () => 'broken',
      );
      await eventually(async () => !server.running, 20_000);
      expect((await server.ended).signal).toBe('SIGKILL');
      // Before these moments the client cannot have its answer; after the others it may.
      if (name === 'before-accept' || name === 'after-accept') expect(answered).toBe('broken');
    } finally {
      await server.stop();
    }
  });
});
