import MailComposer from 'nodemailer/lib/mail-composer';
import type { Channel, Effect, Outcome } from '../ports/channel.js';
import type { Clock, Timers } from '../ports/clock.js';
import { safeText } from './safe-text.js';
import { type SmtpError, SmtpFailure, smtpOutcome } from './smtp-outcome.js';
import { SmtpPool } from './smtp-pool.js';
import type { SmtpCredentials, SmtpEnvelope, SmtpSession } from './smtp-session.js';

export interface EmailChannelOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Name or address of the mail relay. */
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (usually port 465). Default: false, and STARTTLS where the relay offers it. */
  readonly secure?: boolean;
  /** Refuse to go on without TLS. Default: false. */
  readonly requireTls?: boolean;
  /** Accept a certificate that cannot be verified. Default: false. */
  readonly allowInvalidCertificate?: boolean;
  readonly credentials?: SmtpCredentials;
  /** Sender, `name <address>` or an address. */
  readonly from: string;
  /** Right side of the Message-ID. Default: the sender's domain. */
  readonly messageIdDomain?: string;
  /** Milliseconds until the connection stands: name lookup, greeting and STARTTLS included. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds of silence, in any phase, after which the relay is given up. Default: 30,000. */
  readonly replyTimeoutMs?: number;
  /** Connections at a time. Default: 8. */
  readonly maxConnections?: number;
  /** Milliseconds that an unused connection is kept for the next message. Default: 60,000. */
  readonly idleMs?: number;
  /** Messages that may begin in a second. Default: no limit. */
  readonly ratePerSecond?: number;
}

const MAX_CONNECTIONS = 8;
/**
 * Who is connected need not connect after the intent to send was stored, when a crash would leave the e-mail in doubt
 * though nothing was sent. Relays keep a connection 5 minutes (RFC 5321 §4.5.3.2.7), and one that does not is replaced.
 */
const IDLE_MS = 60_000;
/** What may stand in the left side of a Message-ID without quotes (RFC 5322 dot-atom, no dots needed). */
const MESSAGE_ID_SAFE = /^[A-Za-z0-9_.+=-]{1,200}$/;
/** One address, nothing that an address list, a header or an SMTP command could be made of. */
const SINGLE_ADDRESS = /^[^\s\p{Cc}<>,;:"()[\]\\@]{1,128}@[^\s\p{Cc}<>,;:"()\\@]{1,255}$/u;
/** No line breaks and no NUL: the rest of the control characters cannot leave a header. */
const BREAKS_HEADER = /[\r\n\0]/;
/** No blanks and no angle brackets; with its name it fits into a line (998 characters, RFC 5322 §2.1.1). */
const URL_IN_HEADER = /^https?:[\x21-\x3b\x3d\x3f-\x7e]{1,960}$/;
const HEADER_SAFE = /^[\x21-\x7e]{1,200}$/;

export interface EmailChannel extends Channel {
  /**
   * Does once, without sending anything, what a first message would otherwise wait for: composes one and opens a
   * connection, kept for the next. Never rejects: a relay that is away is told of by the first message.
   */
  warmUp(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * E-mail through an SMTP relay.
 *
 * SMTP knows no idempotency key, so the class is `neither`: when the connection is lost between the first byte of the
 * content and the relay's final reply, nobody can know whether the message is under way, and the outcome is `unknown`.
 * Everything before that is known not to have happened. The Message-ID is the operation id: recipients' systems that
 * look for doubles see the same one however often the message is sent.
 */
export function emailChannel(options: EmailChannelOptions): EmailChannel {
  const pool = poolFor(options);
  const domain = options.messageIdDomain ?? domainOf(options.from);
  return {
    name: 'email',
    effectClass: 'neither',
    concurrency: options.maxConnections ?? MAX_CONNECTIONS,
    ...(options.ratePerSecond === undefined ? {} : { ratePerSecond: options.ratePerSecond }),
    provider: () => `smtp:${options.host}`,
    close: () => pool.close(),
    async warmUp(signal) {
      try {
        await compose(NOTHING, options, domain);
        const { session } = await pool.take(signal);
        pool.give(session, true);
      } catch {
        // Said by the first message, if it is still so then.
      }
    },
    async send(effect, signal) {
      const flaw = flawOf(effect);
      if (flaw !== null) return { kind: 'dead', failure: { code: 'email_invalid', message: flaw } };
      try {
        const message = await compose(effect, options, domain);
        const reply = await deliver(pool, message, signal);
        return { kind: 'done', receipt: safeText(reply, effect.recipient) };
      } catch (error) {
        return outcomeOf(error, effect.recipient);
      }
    },
  };
}

/** Composed to warm up, never sent. */
const NOTHING: Effect = {
  operationId: 'none',
  tenant: '',
  recordId: '',
  recipient: 'nobody@localhost.localdomain',
  subject: 'none',
  body: 'none',
  data: null,
  category: null,
  userId: null,
  unsubscribeUrl: null,
  acceptedAt: 0,
  attempt: 0,
  correlation: { requestId: 'none' },
};

function poolFor(options: EmailChannelOptions): SmtpPool {
  const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
  const replyTimeoutMs = options.replyTimeoutMs ?? 30_000;
  return new SmtpPool({
    timers: options.timers,
    credentials: options.credentials,
    maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
    idleMs: options.idleMs ?? IDLE_MS,
    connection: {
      host: options.host,
      port: options.port,
      secure: options.secure ?? false,
      requireTLS: options.requireTls ?? false,
      tls: { rejectUnauthorized: !(options.allowInvalidCertificate ?? false) },
      dnsTimeout: connectTimeoutMs,
      // nodemailer counts name lookup, connecting, greeting and STARTTLS into this one.
      connectionTimeout: connectTimeoutMs,
      greetingTimeout: connectTimeoutMs,
      socketTimeout: replyTimeoutMs,
      maxResponseSize: 64 * 1024,
    },
  });
}

interface Message {
  readonly envelope: SmtpEnvelope;
  readonly content: Buffer;
}

/** The schema has checked all this at acceptance; a header injection must not hang on one check alone. */
function flawOf(effect: Effect): string | null {
  if (!SINGLE_ADDRESS.test(effect.recipient)) return 'The recipient is not a single e-mail address';
  if (BREAKS_HEADER.test(effect.subject ?? '')) return 'The subject holds a line break or NUL';
  if (!MESSAGE_ID_SAFE.test(effect.operationId)) return 'The operation id cannot be a Message-ID';
  return null;
}

async function compose(effect: Effect, options: EmailChannelOptions, domain: string): Promise<Message> {
  const requestId = effect.correlation.requestId;
  const node = new MailComposer({
    from: options.from,
    // As an object, so that nodemailer does not read a list of addresses out of it.
    to: { name: '', address: effect.recipient },
    subject: effect.subject ?? '',
    text: effect.body,
    date: new Date(options.clock.now()),
    messageId: `<${effect.operationId}@${domain}>`,
    headers: {
      'X-Signalbox-Operation': effect.operationId,
      // RFC 3834: asks vacation responders not to answer.
      'Auto-Submitted': 'auto-generated',
      ...(HEADER_SAFE.test(requestId) ? { 'X-Request-Id': requestId } : {}),
      ...unsubscribeHeaders(effect.unsubscribeUrl),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const { from, to } = node.getEnvelope();
  const [recipient, ...others] = to;
  if (recipient === undefined || others.length > 0) {
    throw new SmtpFailure('envelope', { message: 'not one recipient', code: 'EENVELOPE' });
  }
  return { envelope: { from: from === false ? '' : from, to: recipient }, content: await node.build() };
}

/** RFC 2369 and 8058: a mail program offers its own button, and tells us by one POST. */
function unsubscribeHeaders(url: string | null): Record<string, string> {
  if (url === null || !URL_IN_HEADER.test(url)) return {};
  return { 'List-Unsubscribe': `<${url}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' };
}

/**
 * A relay may hang up on a kept connection at any time, so a loss there before the content proves nothing against it:
 * another connection is tried, until one is fresh. This stays one attempt, since nothing was handed over.
 */
async function deliver(pool: SmtpPool, message: Message, signal: AbortSignal): Promise<string> {
  for (;;) {
    const { session, reused } = await pool.take(signal);
    try {
      const reply = await sendOver(session, message, signal);
      pool.give(session, true);
      return reply;
    } catch (error) {
      pool.give(session, false);
      const stale = reused && error instanceof SmtpFailure && error.phase !== 'content' && error.lostConnection;
      if (!stale || signal.aborted) throw error;
    }
  }
}

async function sendOver(session: SmtpSession, message: Message, signal: AbortSignal): Promise<string> {
  const abort = (): void => session.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const sent = session.send(message.envelope, message.content);
    // The signal may have fired after the session was taken and before anyone listened.
    if (signal.aborted) session.abort();
    return await sent;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function outcomeOf(error: unknown, recipient: string): Outcome {
  if (error instanceof SmtpFailure) return smtpOutcome(error, recipient);
  // Composing failed: nothing has left, and the same content will fail again.
  const { message } = error as SmtpError;
  return { kind: 'dead', failure: { code: 'email_invalid', message: safeText(message, recipient) } };
}

function domainOf(from: string): string {
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1];
  if (domain === undefined) throw new TypeError('The sender must be an e-mail address');
  return domain;
}
