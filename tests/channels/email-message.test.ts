import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { type EmailChannelOptions, emailChannel } from '../../src/channels/email.js';
import { clock, effectTo, noAbort, timers } from './fixtures.js';
import { type RawSmtp, SMTP_PHASES, type SmtpScript, startRawSmtp, startRawSmtpOn } from './raw-smtp.js';

const cleanups: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function channelTo(port: number, options: Partial<EmailChannelOptions> = {}) {
  const channel = emailChannel({ clock, timers, host: '127.0.0.1', port, from: 'Signalbox <noreply@signalbox.test>', ...options });
  cleanups.push(() => channel.close());
  return channel;
}

async function relay(...scripts: SmtpScript[]): Promise<RawSmtp> {
  const server = await startRawSmtp(...scripts);
  cleanups.push(() => server.stop());
  return server;
}

describe('The message', () => {
  test('carries the operation id as Message-ID and header, the same over all attempts', async () => {
    const server = await relay({});
    const channel = channelTo(server.port, { messageIdDomain: 'mail.signalbox.test' });
    await channel.send(effectTo('a@example.org', { operationId: 'op-1', attempt: 1 }), noAbort());
    await channel.send(effectTo('a@example.org', { operationId: 'op-1', attempt: 2 }), noAbort());
    for (const content of server.accepted) {
      const email = await PostalMime.parse(content);
      expect(email.messageId).toBe('<op-1@mail.signalbox.test>');
      expect(email.headers.find(({ key }) => key === 'x-signalbox-operation')?.value).toBe('op-1');
      expect(email.headers.find(({ key }) => key === 'x-request-id')?.value).toBe('req-77');
    }
    expect(server.accepted).toHaveLength(2);
  });

  test('says how to get no more of its kind where there is a way, in one line that no program could read otherwise', async () => {
    const server = await relay({});
    const channel = channelTo(server.port);
    const longest = `https://${'h'.repeat(60)}.example.org/unsubscribe/${'t'.repeat(800)}`;
    const urls = [longest, null, 'https://example.org/> b', 'javascript:alert(1)', `https://example.org/${'x'.repeat(1000)}`];
    for (const unsubscribeUrl of urls) await channel.send(effectTo('a@example.org', { unsubscribeUrl }), noAbort());
    const [first = '', ...others] = server.accepted;
    const unfolded = first.replace(/\r\n[ \t]+/g, ' ');
    expect(unfolded).toContain(`\r\nList-Unsubscribe: <${longest}>\r\n`);
    expect(unfolded).toContain('\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n');
    expect(first.split('\r\n').every((line) => line.length <= 998)).toBe(true);
    expect(others).toHaveLength(4);
    for (const content of others) expect(content).not.toContain('List-Unsubscribe');
  });

  test('goes to the recipient alone, from the configured sender', async () => {
    const server = await relay({});
    await channelTo(server.port).send(effectTo('a@example.org'), noAbort());
    expect(server.commands).toEqual(expect.arrayContaining(['MAIL FROM:<noreply@signalbox.test>', 'RCPT TO:<a@example.org>']));
    const email = await PostalMime.parse(server.accepted[0] ?? '');
    expect(email.to).toMatchObject([{ address: 'a@example.org' }]);
    expect(email.from).toMatchObject({ address: 'noreply@signalbox.test', name: 'Signalbox' });
  });

  test.each([
    ['letters of every script', 'Zażółć – 注文 – Ελληνικά 🚂', 'Ωraż 注文\nsecond line 🚂'],
    ['lines that begin with dots', 'Dots', '.\n..\n.hidden'],
    ['lines longer than SMTP allows', 'Long', 'x'.repeat(3000)],
    ['a line that ends the content', 'End', 'before\r\n.\r\nafter'],
  ])('arrives with its text unharmed: %s', async (_title, subject, body) => {
    const server = await relay({});
    await channelTo(server.port).send(effectTo('a@example.org', { subject, body }), noAbort());
    const undotted = (server.accepted[0] ?? '').replace(/(^|\r\n)\.\./g, '$1.');
    const email = await PostalMime.parse(undotted);
    expect(email.subject).toBe(subject);
    expect(email.text?.replace(/\r\n/g, '\n').trimEnd()).toBe(body.replace(/\r\n/g, '\n'));
  });

  test.each([
    ['a line break in the recipient', { recipient: 'a@example.org\r\nBcc: b@example.org' }],
    ['a second command in the recipient', { recipient: 'a@example.org>\r\nRCPT TO:<b@example.org' }],
    ['two recipients', { recipient: 'a@example.org, b@example.org' }],
    ['a group of recipients', { recipient: 'all: a@example.org;' }],
    ['no recipient', { recipient: '' }],
    ['a recipient that is not an address', { recipient: 'alice' }],
    ['NUL in the recipient', { recipient: 'a\0@example.org' }],
    ['a line break in the subject', { subject: 'Hello\r\nBcc: b@example.org' }],
    ['a bare line feed in the subject', { subject: 'Hello\nX-Evil: 1' }],
    ['NUL in the subject', { subject: 'Hel\0lo' }],
    ['a line break in the operation id', { operationId: 'op\r\nX-Evil: 1' }],
  ])('is not sent with %s', async (_title, changes) => {
    const server = await relay({});
    const outcome = await channelTo(server.port).send(effectTo('a@example.org', changes), noAbort());
    expect(outcome).toMatchObject({ kind: 'dead', failure: { code: 'email_invalid' } });
    expect(server.connections()).toBe(0);
  });

  test('leaves out a request id that would break a header', async () => {
    const server = await relay({});
    const correlation = { requestId: 'r\r\nX-Evil: 1' };
    await channelTo(server.port).send(effectTo('a@example.org', { correlation }), noAbort());
    expect(server.accepted[0]).not.toMatch(/x-evil|x-request-id/i);
  });
});

describe('Connections', () => {
  test('are kept for the next message', async () => {
    const server = await relay({});
    const channel = channelTo(server.port);
    for (let count = 0; count < 5; count += 1)
      expect(await channel.send(effectTo('a@example.org'), noAbort())).toMatchObject({ kind: 'done' });
    expect(server.connections()).toBe(1);
  });

  test('are never more than allowed, and who waits is served', async () => {
    const server = await relay({});
    const channel = channelTo(server.port, { maxConnections: 2 });
    const outcomes = await Promise.all(Array.from({ length: 9 }, () => channel.send(effectTo('a@example.org'), noAbort())));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 9 }, () => 'done'));
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test('that the relay has hung up on are replaced within the same attempt', async () => {
    const server = await relay({});
    const channel = channelTo(server.port);
    await channel.send(effectTo('a@example.org', { operationId: 'op-1' }), noAbort());
    const port = server.port;
    await server.stop();
    const again = await startRawSmtpOn(port);
    cleanups.push(() => again.stop());
    expect(await channel.send(effectTo('a@example.org', { operationId: 'op-2' }), noAbort())).toMatchObject({ kind: 'done' });
    expect(again.accepted).toHaveLength(1);
  });

  test('that turn out cut at MAIL FROM are replaced, but a fresh one that is cut there is a failure', async () => {
    const cutAtSecond = await relay({}, { mail: 'cut' });
    const channel = channelTo(cutAtSecond.port, { idleMs: 1 });
    await channel.send(effectTo('a@example.org'), noAbort());
    await cutAtSecond.signals.raised('closed');
    expect(await channel.send(effectTo('a@example.org'), noAbort())).toMatchObject({
      kind: 'retry',
      failure: { code: 'smtp_disconnected' },
    });
  });

  test('are kept a minute by default', async () => {
    const server = await relay({});
    const delays: number[] = [];
    const noting = {
      ...timers,
      after(ms: number, run: () => void) {
        delays.push(ms);
        return timers.after(ms, run);
      },
    };
    await channelTo(server.port, { timers: noting }).send(effectTo('a@example.org'), noAbort());
    expect(delays).toEqual([60_000]);
  });

  test('may be idle for longer than the relay may be silent', async () => {
    const server = await relay({});
    const channel = channelTo(server.port, { replyTimeoutMs: 200 });
    await channel.warmUp(noAbort());
    await sleep(450);
    await channel.send(effectTo('a@example.org', { operationId: 'op-1' }), noAbort());
    await sleep(450);
    expect(await channel.send(effectTo('a@example.org', { operationId: 'op-2' }), noAbort())).toMatchObject({ kind: 'done' });
    expect(server.connections()).toBe(1);
  });

  test('end politely when they have been idle long enough', async () => {
    const server = await relay({});
    await channelTo(server.port, { idleMs: 1 }).send(effectTo('a@example.org'), noAbort());
    await server.signals.raised('closed');
    expect(server.commands.at(-1)).toBe('QUIT');
  });
});

describe('TLS', () => {
  async function relayWithTls(): Promise<number> {
    const server = new SMTPServer({
      authOptional: true,
      logger: false,
      disableReverseLookup: true,
      closeTimeout: 1,
      onData: (stream, _session, done) => void stream.resume().on('end', () => done()),
    });
    server.on('error', () => {});
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    return (server.server.address() as AddressInfo).port;
  }

  test('with a certificate that nobody vouches for is retried, and nothing is sent', async () => {
    const outcome = await channelTo(await relayWithTls()).send(effectTo('a@example.org'), noAbort());
    expect(outcome).toMatchObject({ kind: 'retry', failure: { code: 'smtp_tls' } });
  });

  test('with such a certificate works where that is allowed', async () => {
    const channel = channelTo(await relayWithTls(), { allowInvalidCertificate: true, requireTls: true });
    expect(await channel.send(effectTo('a@example.org'), noAbort())).toMatchObject({ kind: 'done' });
  });
});

describe('Honesty', () => {
  const answers = fc.constantFrom(
    'hang',
    'cut',
    '421 Closing',
    '451 Later',
    '550 Never',
    '250 OK',
    '354 Go',
    '220 mx',
    'nonsense',
    'fragment:250',
    'fragment:550 N',
  );

  test('whatever the relay does: done only if it took the message, retry and dead only if it did not, and one message at most', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...SMTP_PHASES), answers, fc.boolean(), async (phase, answer, pipelining) => {
        const server = await startRawSmtp({ ...(pipelining ? { ehlo: '250-mx.test\r\n250 PIPELINING' } : {}), [phase]: answer });
        const channel = emailChannel({
          clock,
          timers,
          host: '127.0.0.1',
          port: server.port,
          from: 'a@signalbox.test',
          connectTimeoutMs: 60,
          replyTimeoutMs: 60,
        });
        try {
          const { kind } = await channel.send(effectTo('b@example.org'), noAbort());
          if (kind === 'done') expect(server.accepted).toHaveLength(1);
          if (kind === 'retry' || kind === 'dead') expect(server.accepted).toHaveLength(0);
          expect(server.contents.length).toBeLessThanOrEqual(1);
        } finally {
          await channel.close();
          await server.stop();
        }
      }),
      { numRuns: 60 },
    );
  });
});
