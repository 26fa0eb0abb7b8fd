import { afterEach, describe, expect, test } from '@jest/globals';
import { type EmailChannelOptions, emailChannel } from '../../src/channels/email.js';
import { clock, effectTo, noAbort, timers, unusedPort } from './fixtures.js';
import { type RawSmtp, SMTP_PHASES, type SmtpScript, startRawSmtp } from './raw-smtp.js';

const RECIPIENT = 'alice.liddell@example.org';
const PIPELINING = '250-mx.test\r\n250-8BITMIME\r\n250 PIPELINING';
/** One command at a time; the whole envelope at once; and a server that says "go ahead" to an envelope it has refused. */
const MANNERS: readonly SmtpScript[] = [{}, { ehlo: PIPELINING }, { ehlo: PIPELINING, data: '354 Go ahead' }];

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

async function sendThrough(script: SmtpScript, options: Partial<EmailChannelOptions> = {}) {
  const server = await relay(script);
  const outcome = await channelTo(server.port, options).send(effectTo(RECIPIENT), noAbort());
  return { server, outcome };
}

describe('Before the content, a failure is known not to have sent anything', () => {
  test('a refused connection is retried', async () => {
    const outcome = await channelTo(await unusedPort()).send(effectTo(RECIPIENT), noAbort());
    expect(outcome).toMatchObject({ kind: 'retry', failure: { code: 'smtp_connect' } });
  });

  test('a relay whose name does not resolve is retried', async () => {
    const channel = channelTo(25, { host: 'relay.invalid', connectTimeoutMs: 3000 });
    const outcome = await channel.send(effectTo(RECIPIENT), noAbort());
    expect(outcome).toMatchObject({ kind: 'retry', failure: { code: expect.stringMatching(/^smtp_(dns|connect)$/) } });
  });

  test('a relay that says nothing at all is given up in time and retried', async () => {
    const { outcome } = await sendThrough({ greeting: 'hang' }, { connectTimeoutMs: 50 });
    expect(outcome).toMatchObject({ kind: 'retry', failure: { code: 'smtp_timeout' } });
  });

  test.each([
    ['421 at the greeting', { greeting: '421 Too busy' }, 'smtp_421'],
    ['554 at the greeting, which is about us and not about the message', { greeting: '554 Go away' }, 'smtp_554'],
    ['a cut at the greeting', { greeting: 'cut' }, 'smtp_connect'],
    ['421 at EHLO', { ehlo: '421 Closing' }, 'smtp_421'],
    ['a cut at EHLO', { ehlo: 'cut' }, 'smtp_connect'],
    ['451 at MAIL FROM', { mail: '451 Try later' }, 'smtp_451'],
    ['a cut at MAIL FROM', { mail: 'cut' }, 'smtp_disconnected'],
    ['450 at RCPT TO', { rcpt: '450 Greylisted' }, 'smtp_450'],
    ['421 at RCPT TO', { rcpt: '421 Closing' }, 'smtp_421'],
    ['a cut at RCPT TO', { rcpt: 'cut' }, 'smtp_disconnected'],
    ['451 at DATA', { data: '451 Not now' }, 'smtp_451'],
    ['a cut at DATA', { data: 'cut' }, 'smtp_disconnected'],
  ])('%s is retried, with and without pipelining', async (_title, script, code) => {
    for (const manners of MANNERS) {
      const { server, outcome } = await sendThrough({ ...manners, ...script });
      expect(outcome).toMatchObject({ kind: 'retry', failure: { code } });
      expect(server.contents.join('')).toBe('');
    }
  });

  test.each([
    ['550 at MAIL FROM', { mail: '550 Sender refused' }, 'smtp_550'],
    ['550 at RCPT TO', { rcpt: '550 5.1.1 No such user' }, 'smtp_550'],
    ['553 at RCPT TO', { rcpt: '553 Bad name' }, 'smtp_553'],
    ['554 at DATA', { data: '554 No valid recipients' }, 'smtp_554'],
  ])('%s is final, with and without pipelining', async (_title, script, code) => {
    for (const manners of MANNERS) {
      const { server, outcome } = await sendThrough({ ...manners, ...script });
      expect(outcome).toMatchObject({ kind: 'dead', failure: { code } });
      expect(server.contents.join('')).toBe('');
    }
  });

  test('refused credentials are retried, since a person will put them right', async () => {
    const credentials = { user: 'signalbox', pass: 'secret' };
    const { outcome } = await sendThrough({ ehlo: '250-mx.test\r\n250 AUTH PLAIN' }, { credentials });
    expect(outcome).toMatchObject({ kind: 'retry', failure: { code: 'smtp_535' } });
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });

  test('a relay without TLS is not trusted with a message when TLS is required', async () => {
    const { server, outcome } = await sendThrough({}, { requireTls: true });
    expect(outcome.kind).toBe('retry');
    expect(server.commands.some((line) => line.startsWith('MAIL'))).toBe(false);
  });

  test('a message beyond the announced size is final', async () => {
    const { server, outcome } = await sendThrough({ ehlo: '250-mx.test\r\n250 SIZE 100' });
    expect(outcome).toMatchObject({ kind: 'dead', failure: { code: 'smtp_too_large' } });
    expect(server.contents).toEqual([]);
  });
});

describe('After the content, only the final reply tells', () => {
  test('a 2xx is done, with the reply as the receipt', async () => {
    const { server, outcome } = await sendThrough({});
    expect(outcome).toEqual({ kind: 'done', receipt: '250 2.0.0 queued as 4F2A' });
    expect(server.accepted).toHaveLength(1);
  });

  test.each([
    ['451 is retried', '451 4.3.0 Mailbox busy', { kind: 'retry', failure: { code: 'smtp_451' } }],
    ['421 is retried', '421 Shutting down', { kind: 'retry', failure: { code: 'smtp_421' } }],
    ['554 is final', '554 5.7.1 Spam', { kind: 'dead', failure: { code: 'smtp_554' } }],
    ['a reply that makes no sense there proves nothing', '354 Go ahead', { kind: 'unknown', failure: { code: 'smtp_reply_lost' } }],
    ['a cut instead of the reply proves nothing', 'cut', { kind: 'unknown', failure: { code: 'smtp_reply_lost' } }],
    ['a refusal cut off in its line proves nothing', 'fragment:451 4.3', { kind: 'unknown', failure: { code: 'smtp_reply_lost' } }],
    ['an acceptance cut off in its line proves nothing', 'fragment:250 O', { kind: 'unknown', failure: { code: 'smtp_reply_lost' } }],
  ])('%s', async (_title, final, expected) => {
    for (const extension of [{}, { ehlo: PIPELINING }]) {
      const { outcome } = await sendThrough({ ...extension, final });
      expect(outcome).toMatchObject(expected);
    }
  });

  test('silence instead of the reply is given up in time and proves nothing', async () => {
    const { outcome } = await sendThrough({ final: 'hang' }, { replyTimeoutMs: 50 });
    expect(outcome).toMatchObject({ kind: 'unknown', failure: { code: 'smtp_timeout' } });
  });

  test('a cut in the middle of a long content proves nothing', async () => {
    const server = await relay({});
    const channel = channelTo(server.port);
    const sending = channel.send(effectTo(RECIPIENT, { body: 'A long line of text.\n'.repeat(400_000) }), noAbort());
    await server.signals.raised('content');
    await server.stop();
    expect(await sending).toMatchObject({ kind: 'unknown', failure: { code: 'smtp_reply_lost' } });
  });
});

describe('The signal ends the call at once, in whatever phase', () => {
  test.each(SMTP_PHASES)('while the relay hangs at %s', async (phase) => {
    const server = await relay({ [phase]: 'hang' });
    const channel = channelTo(server.port);
    const controller = new AbortController();
    const sending = channel.send(effectTo(RECIPIENT), controller.signal);
    await server.signals.raised(phase);
    controller.abort();
    expect(await sending).toMatchObject({ kind: phase === 'final' ? 'unknown' : 'retry', failure: { code: 'aborted' } });
    await server.signals.raised('closed');
  });

  test('before it began, without connecting', async () => {
    const server = await relay({});
    const outcome = await channelTo(server.port).send(effectTo(RECIPIENT), AbortSignal.abort());
    expect(outcome).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    expect(server.connections()).toBe(0);
  });

  test('while it waits for a free connection, without disturbing the one that is busy', async () => {
    const server = await relay({ final: 'hang' });
    const channel = channelTo(server.port, { maxConnections: 1 });
    const first = new AbortController();
    const busy = channel.send(effectTo(RECIPIENT), first.signal);
    await server.signals.raised('final');
    const second = new AbortController();
    const waiting = channel.send(effectTo(RECIPIENT), second.signal);
    second.abort();
    expect(await waiting).toMatchObject({ kind: 'retry', failure: { code: 'aborted' } });
    first.abort();
    expect(await busy).toMatchObject({ kind: 'unknown' });
    expect(server.connections()).toBe(1);
  });

  test('when the channel is closed', async () => {
    const server = await relay({ final: 'hang' });
    const channel = channelTo(server.port);
    const sending = channel.send(effectTo(RECIPIENT), noAbort());
    await server.signals.raised('final');
    await channel.close();
    expect(await sending).toMatchObject({ kind: 'unknown', failure: { code: 'aborted' } });
  });
});

describe('What a relay says is kept without the recipient', () => {
  test.each([
    '550 5.1.1 <alice.liddell@example.org>: Recipient address rejected',
    '550 5.1.1 ALICE.LIDDELL@EXAMPLE.ORG unknown',
    '550 5.1.1 User alice.liddell unknown, ask postmaster@example.org',
  ])('%s', async (rcpt) => {
    const { outcome } = await sendThrough({ rcpt });
    const text = JSON.stringify(outcome);
    expect(outcome).toMatchObject({ kind: 'dead', failure: { code: 'smtp_550', message: expect.stringContaining('550 5.1.1') } });
    expect(text).not.toMatch(/alice|liddell|@/i);
  });

  test('in one line of at most 200 characters', async () => {
    const { outcome } = await sendThrough({ rcpt: `550-first line\r\n550 ${'x'.repeat(900)}` });
    const message = outcome.kind === 'dead' ? outcome.failure.message : '';
    expect(message.length).toBeLessThanOrEqual(200);
    expect(message).not.toMatch(/[\r\n]/);
  });
});
