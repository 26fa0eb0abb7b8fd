import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection';
import { ABORTED, ENDED, type SmtpError, SmtpFailure, type SmtpPhase } from './smtp-outcome.js';

/** Whom the relay is to believe we are. */
export interface SmtpCredentials {
  readonly user: string;
  readonly pass: string;
}

/** Sender and recipient as the relay gets them. */
export interface SmtpEnvelope {
  readonly from: string;
  readonly to: string;
}

interface Operation {
  resolve(reply: string): void;
  reject(failure: SmtpFailure): void;
}

/**
 * One connection to the relay that always knows how far it has got.
 *
 * nodemailer's transports tell an error's code but not for certain whether content had left; its SMTPConnection lets
 * us hand the content over as a stream, and that stream is first read when the relay has said 354 and the content is
 * about to be written. So `phase` turns to `content` just before the first byte can leave, and never by guess.
 */
export class SmtpSession {
  readonly #connection: SMTPConnection;
  readonly #replyTimeoutMs: number | undefined;
  #phase: SmtpPhase = 'session';
  #operation: Operation | null = null;
  #ended = false;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>;

  constructor(options: SMTPConnectionOptions) {
    // socketCloseTimeout 0: close() destroys the socket instead of waiting for the peer, so an abort takes effect at once.
    this.#replyTimeoutMs = options.socketTimeout;
    this.#connection = new SMTPConnection({ ...options, socketCloseTimeout: 0 });
    this.#connection.on('error', (error: SmtpError) => this.#fail(error));
    this.gone = new Promise((resolve) => {
      this.#connection.on('end', () => {
        this.#ended = true;
        // nodemailer ends the connection first and reports the reply that made it do so right after, in the same turn.
        const operation = this.#operation;
        queueMicrotask(() => {
          if (operation !== null && operation === this.#operation) this.#fail({ message: 'The connection ended', code: ENDED });
        });
        resolve();
      });
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Connects, secures and signs in. Rejects with {@link SmtpFailure} of phase `session`. */
  async open(credentials: SmtpCredentials | undefined): Promise<void> {
    const connection = this.#connection;
    await this.#run((done) => connection.connect((error) => done(error ?? null)));
    // A relay that announces no AUTH gets the message without; it knows us by our address, or refuses.
    if (credentials === undefined || !connection.allowsAuth) return;
    await this.#run((done) => connection.login({ ...credentials }, (error) => done(error)));
  }

  /** Hands one message over and resolves with the relay's final reply. Rejects with {@link SmtpFailure}. */
  send(envelope: SmtpEnvelope, content: Buffer): Promise<string> {
    this.#phase = 'envelope';
    const stream = new Readable({
      read: () => {
        this.#phase = 'content';
        stream.push(content);
        stream.push(null);
      },
    });
    return this.#run((done) => {
      this.#connection.send({ from: envelope.from, to: [envelope.to], size: content.length }, stream, (error, info) =>
        done(error ?? null, info?.response),
      );
    });
  }

  /** Calls the running operation off and cuts the connection. */
  abort(): void {
    this.#fail({ message: 'aborted', code: ABORTED });
    this.destroy();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#connection.close();
  }

  /** Says goodbye; the connection ends when the relay has answered. */
  quit(): void {
    if (!this.#ended) this.#connection.quit();
  }

  #run(start: (done: (error: SmtpError | null, reply?: string) => void) => void): Promise<string> {
    return new Promise((resolve, reject) => {
      const operation: Operation = { resolve, reject };
      this.#operation = operation;
      this.#limitSilence(this.#replyTimeoutMs);
      start((error, reply) => {
        if (this.#operation !== operation) return;
        if (error !== null) return this.#fail(error);
        this.#operation = null;
        this.#limitSilence(0);
        resolve(reply ?? '');
      });
    });
  }

  /**
   * nodemailer's limit goes on while nothing is asked of the relay, and would end an idle connection long before its
   * time; how long that one is kept is the pool's to say. Before there is a socket, nodemailer sets the limit itself.
   */
  #limitSilence(ms: number | undefined): void {
    const socket = this.#connection._socket as Socket | null | undefined;
    if (ms !== undefined) socket?.setTimeout?.(ms);
  }

  #fail(error: SmtpError): void {
    const operation = this.#operation;
    this.#operation = null;
    operation?.reject(new SmtpFailure(this.#phase, error));
  }
}
