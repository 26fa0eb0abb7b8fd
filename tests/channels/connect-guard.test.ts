import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connectGuard } from '../../src/channels/connect-guard.js';
import { type WebhookChannelOptions, webhookChannel } from '../../src/channels/webhook.js';
import { clock, effectTo, noAbort, type RawServer, SECRET, startRawServer, timers } from './fixtures.js';

/** What an attacker hopes to reach: every connection to it is counted. */
let inside: RawServer;
const cleanups: Array<() => Promise<void>> = [];

beforeEach(async () => {
  inside = await startRawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret'));
  cleanups.push(() => inside.stop());
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function channel(options: Partial<WebhookChannelOptions> = {}) {
  const made = webhookChannel({ clock, timers, secrets: [SECRET], connectTimeoutMs: 500, ...options });
  cleanups.push(() => made.close());
  return made;
}

const REFUSED = { kind: 'dead', failure: { code: 'webhook_address_refused', message: 'The webhook address is not allowed' } };

/** `PORT` becomes the port of the server on 127.0.0.1. */
const LITERALS = [
  // Loopback in every spelling
  'http://127.0.0.1:PORT/',
  'http://127.1:PORT/',
  'http://127.0.1:PORT/',
  'http://0x7f.1:PORT/',
  'http://0x7f000001:PORT/',
  'http://2130706433:PORT/',
  'http://017700000001:PORT/',
  'http://0177.0.0.1:PORT/',
  'http://0x7f.0x0.0x0.0x1:PORT/',
  'http://127.0.0.1.:PORT/',
  'http://127.255.255.254:PORT/',
  'http://①②⑦.⓪.⓪.①:PORT/',
  'http://１２７.０.０.１:PORT/',
  'http://127。0。0。1:PORT/',
  'http://%31%32%37.0.0.1:PORT/',
  'http://127.0.0.1\t:PORT/',
  'HTTP://127.0.0.1:PORT/',
  'http:127.0.0.1:PORT/',
  'http:\\\\127.0.0.1:PORT\\',
  'http:////127.0.0.1:PORT/',
  'http://0:PORT/',
  'http://0.0.0.0:PORT/',
  'http://0.1.2.3:PORT/',
  // IPv6 and what is wrapped in it
  'http://[::1]:PORT/',
  'http://[0:0:0:0:0:0:0:1]:PORT/',
  'http://[::]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[::ffff:7f00:1]:PORT/',
  'http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/',
  'http://[::127.0.0.1]:PORT/',
  'http://[::ffff:0:127.0.0.1]:PORT/',
  'http://[64:ff9b::127.0.0.1]:PORT/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[64:ff9b:1::7f00:1]/',
  'http://[2002:7f00:1::]:PORT/',
  'http://[2002:a9fe:a9fe::1]/',
  'http://[2001::7f00:1]/',
  'http://[fe80::1]:PORT/',
  'http://[fec0::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/latest/meta-data/',
  'http://[ff02::1]/',
  'http://[100::1]/',
  'http://[2001:db8::1]/',
  'http://[3fff::1]/',
  'http://[5f00::1]/',
  'http://[4000::1]/',
  'http://[2001:20::1]/',
  // Private, metadata, special
  'http://10.0.0.1/',
  'http://10.255.255.255/',
  'http://172.16.0.1/',
  'http://172.31.255.254/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://169.254.170.2/v2/credentials',
  'http://2852039166/',
  'http://0xa9fea9fe/',
  'http://0251.0376.0251.0376/',
  'http://100.64.0.1/',
  'http://100.100.100.200/',
  'http://192.0.0.192/',
  'http://168.63.129.16/',
  'http://192.0.2.1/',
  'http://198.18.0.1/',
  'http://198.51.100.1/',
  'http://203.0.113.1/',
  'http://192.88.99.1/',
  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  // Not a plain web address
  'http://user:pass@example.com/',
  'http://user@example.com/',
  'http://example.com@127.0.0.1:PORT/',
  'ftp://127.0.0.1:PORT/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:PORT/',
  'javascript:alert(1)',
  'data:text/plain,hello',
  'unix:/var/run/docker.sock',
  'http://',
  'http://[::1',
  'http://[fe80::1%25eth0]/',
  '//127.0.0.1:PORT/',
  '',
  'not a url',
];

/** Names, and what they resolve to. */
const NAMES: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['localhost', ['127.0.0.1', '::1']],
  ['localhost.', ['127.0.0.1']],
  ['LOCALHOST', ['127.0.0.1']],
  ['foo.localhost', ['127.0.0.1']],
  ['127.0.0.1.nip.example', ['127.0.0.1']],
  ['metadata.google.internal', ['169.254.169.254']],
  ['metadata.google.internal.', ['169.254.169.254']],
  ['intranet', ['10.1.2.3']],
  ['v6.example', ['::1']],
  ['mapped.example', ['::ffff:127.0.0.1']],
  ['nat64.example', ['64:ff9b::7f00:1']],
  ['sixtofour.example', ['2002:7f00:1::1']],
  ['zone.example', ['fe80::1%lo']],
  ['mixed.example', ['93.184.215.14', '127.0.0.1']],
  ['mixed-families.example', ['2606:2800:21f:cb07:6820:80da:af6b:8b2c', '10.0.0.1']],
  ['nonsense.example', ['not-an-address']],
  ['azure.example', ['168.63.129.16']],
];

describe('The connect guard', () => {
  test('knows more than 60 ways to ask for the inside', () => {
    expect(LITERALS.length + NAMES.length).toBeGreaterThanOrEqual(60);
  });

  test.each(LITERALS)('refuses %s', async (url) => {
    const outcome = await channel().send(effectTo(url.replace('PORT', String(inside.port))), noAbort());
    expect(outcome).toEqual(REFUSED);
    expect(inside.connections()).toBe(0);
  });

  test.each(NAMES)('refuses the name %s that resolves to %j', async (name, addresses) => {
    const guarded = channel({ resolve: async () => addresses });
    expect(await guarded.send(effectTo(`http://${name}:${inside.port}/`), noAbort())).toEqual(REFUSED);
    expect(await guarded.send(effectTo(`https://${name}:${inside.port}/`), noAbort())).toEqual(REFUSED);
    expect(inside.connections()).toBe(0);
  });

  test('asks the system by default, and refuses what that gives for localhost', async () => {
    expect(await channel().send(effectTo(`http://localhost:${inside.port}/`), noAbort())).toEqual(REFUSED);
    expect(inside.connections()).toBe(0);
  });

  test('resolves a name once for each connection and connects to what it checked (rebinding)', async () => {
    const allowed = await startRawServer(
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')),
      inside.port,
      '127.0.0.2',
    );
    cleanups.push(() => allowed.stop());
    const answers = [['127.0.0.2'], ['127.0.0.1'], ['127.0.0.2', '127.0.0.1'], ['127.0.0.2']];
    let asked = 0;
    const guarded = channel({ allow: ['127.0.0.2/32'], resolve: async () => answers[asked++] ?? [] });
    const send = () => guarded.send(effectTo(`http://rebind.example:${inside.port}/`), noAbort());
    expect(await send()).toEqual({ kind: 'done' });
    expect(await send()).toEqual(REFUSED);
    expect(await send()).toEqual(REFUSED);
    expect(await send()).toEqual({ kind: 'done' });
    expect([asked, allowed.connections(), inside.connections()]).toEqual([4, 2, 0]);
  });

  test.each(['http://93.184.215.14/', 'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/hook?a=b', 'https://hooks.example.com/'])(
    'has nothing against %s',
    (url) => {
      expect(connectGuard({ connectTimeoutMs: 500 }).check(url).href).toBe(url);
    },
  );

  test('refuses plain http where https is required, allowed hosts included', async () => {
    const guarded = channel({ requireHttps: true, allow: [`127.0.0.1:${inside.port}`] });
    expect(await guarded.send(effectTo(`http://127.0.0.1:${inside.port}/`), noAbort())).toEqual(REFUSED);
    expect(inside.connections()).toBe(0);
  });
});

describe('The allow list', () => {
  test.each([
    ['a literal address and port', '127.0.0.1:PORT', 'http://127.0.0.1:PORT/'],
    ['a name and port', 'localhost:PORT', 'http://localhost:PORT/'],
    ['a block', '127.0.0.0/8', 'http://127.0.0.1:PORT/'],
    ['a block, reached by a name', '127.0.0.0/8', 'http://loopback.example:PORT/'],
  ])('opens %s', async (_title, entry, url) => {
    const port = String(inside.port);
    const guarded = channel({ allow: [entry.replace('PORT', port)], resolve: async () => ['127.0.0.1'] });
    expect(await guarded.send(effectTo(url.replace('PORT', port)), noAbort())).toEqual({ kind: 'done' });
  });

  test.each([
    ['another port of an allowed host', '127.0.0.1:1', 'http://127.0.0.1:PORT/'],
    ['another spelling that leads elsewhere', 'localhost:PORT', 'http://localhost.evil.example:PORT/'],
    ['an address that is only wrapped like an allowed one', '127.0.0.0/8', 'http://[::ffff:127.0.0.1]:PORT/'],
    ['userinfo before an allowed host', '127.0.0.1:PORT', 'http://user@127.0.0.1:PORT/'],
  ])('does not open %s', async (_title, entry, url) => {
    const port = String(inside.port);
    const guarded = channel({ allow: [entry.replace('PORT', port)], resolve: async () => ['127.0.0.1'] });
    expect(await guarded.send(effectTo(url.replace('PORT', port)), noAbort())).toEqual(REFUSED);
    expect(inside.connections()).toBe(0);
  });

  test.each(['localhost', 'http://localhost:80', 'user@localhost:80', '10.0.0.0/99', ''])('does not take %j for an entry', (entry) => {
    expect(() => channel({ allow: [entry] })).toThrow('host:port or a CIDR block');
  });
});
