import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection';
import type { Timer, Timers } from '../ports/clock.js';
import { ABORTED, SmtpFailure } from './smtp-outcome.js';
import { type SmtpCredentials, SmtpSession } from './smtp-session.js';

export interface SmtpPoolOptions {
  readonly connection: SMTPConnectionOptions;
  readonly credentials: SmtpCredentials | undefined;
  readonly timers: Timers;
  /** Connections at a time; who comes later waits. */
  readonly maxConnections: number;
  /** Milliseconds that an unused connection is kept. */
  readonly idleMs: number;
}

/** A session for one message. `reused`: it had been idle, and the relay may have hung up meanwhile. */
export interface TakenSession {
  readonly session: SmtpSession;
  readonly reused: boolean;
}

/** Milliseconds that a relay gets to answer QUIT. */
const QUIT_MS = 1000;

/** Keeps connections open between messages: connecting, TLS and AUTH cost far more than a message. */
export class SmtpPool {
  readonly #options: SmtpPoolOptions;
  readonly #sessions = new Set<SmtpSession>();
  readonly #idle = new Map<SmtpSession, Timer>();
  readonly #waiting: Array<(slot: boolean) => void> = [];
  #slotsTaken = 0;
  #closed = false;

  constructor(options: SmtpPoolOptions) {
    this.#options = options;
  }

  /** Rejects with {@link SmtpFailure} of phase `session`. Whoever takes one gives it back. */
  async take(signal: AbortSignal): Promise<TakenSession> {
    await this.#takeSlot(signal);
    const kept = this.#takeIdle();
    if (kept !== undefined) return { session: kept, reused: true };
    try {
      return { session: await this.#open(signal), reused: false };
    } catch (error) {
      this.#freeSlot();
      throw error;
    }
  }

  /** `reusable`: its last message went through. */
  give(session: SmtpSession, reusable: boolean): void {
    if (reusable && !session.ended && !this.#closed) {
      const retire = this.#options.timers.after(this.#options.idleMs, () => this.#retire(session));
      this.#idle.set(session, retire);
    } else {
      this.#retire(session);
    }
    this.#freeSlot();
  }

  /** Resolves when every connection is gone; running sends are called off. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const leave of this.#waiting.splice(0)) leave(false);
    const sessions = [...this.#sessions];
    for (const session of sessions) {
      if (this.#idle.has(session)) this.#retire(session);
      else session.abort();
    }
    await Promise.all(sessions.map((session) => session.gone));
  }

  async #open(signal: AbortSignal): Promise<SmtpSession> {
    const session = new SmtpSession(this.#options.connection);
    this.#sessions.add(session);
    void session.gone.then(() => this.#forget(session));
    const abort = (): void => session.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await session.open(this.#options.credentials);
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #takeIdle(): SmtpSession | undefined {
    // The one used last is the least likely to have been hung up on.
    const session = [...this.#idle.keys()].findLast((idle) => !idle.ended);
    if (session !== undefined) this.#unpark(session);
    return session;
  }

  #unpark(session: SmtpSession): void {
    this.#idle.get(session)?.cancel();
    this.#idle.delete(session);
  }

  #forget(session: SmtpSession): void {
    this.#unpark(session);
    this.#sessions.delete(session);
  }

  #retire(session: SmtpSession): void {
    this.#unpark(session);
    if (session.ended) return;
    const patience = this.#options.timers.after(QUIT_MS, () => session.destroy());
    void session.gone.then(() => patience.cancel());
    session.quit();
  }

  async #takeSlot(signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted) throw calledOff();
    if (this.#slotsTaken < this.#options.maxConnections) {
      this.#slotsTaken += 1;
      return;
    }
    if (!(await this.#waitForSlot(signal))) throw calledOff();
    if (this.#closed || signal.aborted) {
      this.#freeSlot();
      throw calledOff();
    }
  }

  /** Resolves with true when a slot was handed over, false when the wait was called off. */
  #waitForSlot(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (slot: boolean): void => {
        signal.removeEventListener('abort', leave);
        resolve(slot);
      };
      const leave = (): void => {
        const at = this.#waiting.indexOf(settle);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        settle(false);
      };
      this.#waiting.push(settle);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands the slot to who waits longest, so that nobody who comes between can take it. */
  #freeSlot(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#slotsTaken -= 1;
    else next(true);
  }
}

function calledOff(): SmtpFailure {
  return new SmtpFailure('session', { message: 'aborted', code: ABORTED });
}
