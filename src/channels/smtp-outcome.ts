import type { Outcome } from '../ports/channel.js';
import { safeText } from './safe-text.js';

/**
 * How far a send had got when it failed:
 * - `session`: connecting, greeting, EHLO, TLS, AUTH. The relay has seen nothing of the message.
 * - `envelope`: MAIL FROM, RCPT TO, DATA. It knows sender and recipient, but no content.
 * - `content`: the first byte of the content may have left. From here only the final reply tells.
 */
export type SmtpPhase = 'session' | 'envelope' | 'content';

/** The parts of nodemailer's errors that decide. */
export interface SmtpError {
  readonly message: string;
  readonly code?: string | undefined;
  /** The system's own code, where nodemailer put one of its own over it. */
  readonly originalCode?: string | undefined;
  readonly command?: string | undefined;
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
}

/** Thrown by a session: what went wrong, and how far it had got. */
export class SmtpFailure extends Error {
  constructor(
    readonly phase: SmtpPhase,
    readonly error: SmtpError,
  ) {
    super(error.message);
    this.name = 'SmtpFailure';
  }

  /** The connection is gone (or going: 421), rather than a reply to this message. */
  get lostConnection(): boolean {
    return this.error.responseCode === undefined ? NETWORK_CODES.has(this.error.code ?? '') : this.error.responseCode === 421;
  }
}

/** `SmtpError.code` of our own: the caller's signal fired. */
export const ABORTED = 'ABORTED';
/** `SmtpError.code` of our own: the connection ended without a word. */
export const ENDED = 'ENDED';

const NETWORK_CODES = new Set([ENDED, 'ECONNECTION', 'ESOCKET', 'ETIMEDOUT', 'EDNS', 'ETLS']);

/** Turns a failed send into what the pipeline may believe. `recipient` is only used to keep it out of the text. */
export function smtpOutcome(failure: SmtpFailure, recipient: string): Outcome {
  const { phase, error } = failure;
  const message = safeText(error.response ?? plainMessage(error), recipient);
  if (phase === 'content') return contentOutcome(error, message);
  const code = codeBeforeContent(phase, error);
  const permanent = phase === 'envelope' && (isLocalRefusal(error) || (error.responseCode ?? 0) >= 500);
  return { kind: permanent ? 'dead' : 'retry', failure: { code, message } };
}

/**
 * Only a complete final reply counts. nodemailer gives `EMESSAGE` for exactly that; a code on any other error belongs
 * to a line that was cut off, or to a reply that came out of turn, and proves nothing about the message.
 */
function contentOutcome(error: SmtpError, message: string): Outcome {
  const reply = error.code === 'EMESSAGE' ? (error.responseCode ?? 0) : 0;
  if (reply >= 500 && reply < 600) return { kind: 'dead', failure: { code: `smtp_${reply}`, message } };
  if (reply >= 400 && reply < 500) return { kind: 'retry', failure: { code: `smtp_${reply}`, message } };
  return { kind: 'unknown', failure: { code: codeAfterContent(error), message } };
}

function codeAfterContent(error: SmtpError): string {
  if (error.code === ABORTED) return 'aborted';
  return error.code === 'ETIMEDOUT' ? 'smtp_timeout' : 'smtp_reply_lost';
}

/**
 * A 5xx before MAIL FROM (554 at the greeting, 535 at AUTH) is about us and the relay, not about this message: once
 * someone puts the credentials right, trying again helps. So the phase decides whether a code is final, not the code alone.
 */
function codeBeforeContent(phase: SmtpPhase, error: SmtpError): string {
  if (error.code === ABORTED) return 'aborted';
  if (error.responseCode !== undefined) return `smtp_${error.responseCode}`;
  if (isLocalRefusal(error)) return error.code === 'EMESSAGE' ? 'smtp_too_large' : 'smtp_invalid_envelope';
  if (error.code === 'ETIMEDOUT') return 'smtp_timeout';
  if (error.code === 'EDNS') return 'smtp_dns';
  if (isTlsFailure(error)) return 'smtp_tls';
  if (error.code === 'EAUTH') return 'smtp_auth';
  return phase === 'session' ? 'smtp_connect' : 'smtp_disconnected';
}

/** nodemailer itself refused: an address it will not put into a command, or more bytes than the relay announced. */
function isLocalRefusal(error: SmtpError): boolean {
  return error.responseCode === undefined && (error.code === 'EENVELOPE' || error.code === 'EMESSAGE');
}

/** A certificate that does not hold is reported as a socket error; only the system's code tells it from a lost connection. */
function isTlsFailure(error: SmtpError): boolean {
  return error.code === 'ETLS' || /CERT|SSL|TLS|UNABLE_TO/.test(error.originalCode ?? '');
}

/** System errors name addresses and ports of our own network; the code says enough. */
function plainMessage(error: SmtpError): string {
  if (isTlsFailure(error)) return 'No secure connection to the mail relay could be made';
  switch (error.code) {
    case ABORTED:
      return 'The attempt was called off';
    case 'ETIMEDOUT':
      return 'The mail relay did not answer in time';
    case 'EDNS':
      return 'The name of the mail relay could not be resolved';
    case 'EAUTH':
      return 'The mail relay and we share no way to sign in';
    case 'EENVELOPE':
      return 'The address cannot be put into an envelope';
    case 'EMESSAGE':
      return 'The message is larger than the mail relay takes';
    default:
      return 'The connection to the mail relay failed';
  }
}
