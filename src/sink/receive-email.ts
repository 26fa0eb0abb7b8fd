import type { AddressInfo, Socket } from 'node:net';
import type { Email } from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { Step } from './behaviour.js';
import { answerOf, EXCERPT_LENGTH, isTaken } from './receive-webhook.js';
import type { Received, Sink } from './sink.js';

export interface SmtpSinkOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
}

export interface SmtpSink {
  /** The real one. */
  readonly port: number;
  stop(): Promise<void>;
}

type Done = (error?: Error | null) => void;

/** A real SMTP listener that takes every message and answers as scripted for its recipient. */
export async function startSmtpSink(sink: Sink, options: SmtpSinkOptions): Promise<SmtpSink> {
  const sockets = new SocketsByPort();
  /** What was decided at RCPT TO for the message that is under way. */
  const decided = new WeakMap<SMTPServerSession, Map<string, Step>>();
  const server = new PromptServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: 10 * 1024 * 1024,
    closeTimeout: 1,
    // As long as RFC 5321 §4.5.3.2.7 asks for: it is the client who ends an idle connection.
    socketTimeout: 5 * 60_000,
    onMailFrom(_address, session, done) {
      decided.delete(session);
      done();
    },
    onRcptTo({ address }, session, done) {
      const step = sink.behaviours.next('email', address);
      const steps = decided.get(session) ?? new Map<string, Step>();
      decided.set(session, steps.set(address, step));
      answerRecipient(sink, step, address, () => sockets.cut(session), done);
    },
    onData(stream, session, done) {
      const steps = decided.get(session) ?? new Map<string, Step>();
      const cut = (): void => sockets.cut(session);
      // Whatever goes wrong here (a full disk under the ledger, say): no answer, rather than a wrong one.
      read(stream)
        .then((content) => take(sink, content, steps, cut, done))
        .catch(cut);
    },
  });
  // Clients that hang up in the middle are the point of half of the scripts.
  server.on('error', () => {});
  server.server.on('connection', (socket: Socket) => sockets.add(socket));
  // The first parse loads and compiles; better now than under the first mail that someone waits for.
  await parse(Buffer.from('Subject: none\r\n\r\nnone'));
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', resolve);
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        sockets.cutAll();
      }),
  };
}

/**
 * Greets at once. smtp-server waits 100 ms first, to catch spammers that talk before their turn, and has no option
 * against it; a sink has no spammers, and every new connection's first mail would be shown that much later.
 *
 * Done by making the call that its timer is going to make, and leaving that one without effect. Where a later version
 * no longer works like that (greets by itself, or calls it otherwise), nothing is done, and the greeting comes when
 * that version sends it.
 */
class PromptServer extends SMTPServer {
  override connect(...args: Parameters<SMTPServer['connect']>): void {
    super.connect(...args);
    const connection = [...this.connections].findLast((candidate) => candidate._socket === args[0]);
    if (connection === undefined || connection._ready || typeof connection.connectionReady !== 'function') return;
    const greet = connection.connectionReady.bind(connection);
    connection.connectionReady = () => {};
    greet();
  }
}

/** smtp-server does not show its sockets, but a session knows its peer's port, and so does the socket. */
class SocketsByPort {
  readonly #sockets = new Map<number, Socket>();

  add(socket: Socket): void {
    const port = socket.remotePort;
    if (port === undefined) return;
    this.#sockets.set(port, socket);
    socket.once('close', () => this.#sockets.delete(port));
  }

  cut(session: SMTPServerSession): void {
    this.#sockets.get(session.remotePort)?.destroy();
  }

  cutAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

function answerRecipient(sink: Sink, step: Step, recipient: string, cut: () => void, done: Done): void {
  const refused = step.do === 'refuse' || (step.do === 'status' && !isTaken(step) && step.at !== 'data');
  if (refused) sink.record(refusedAtRcpt(recipient, step));
  if (step.do === 'refuse') cut();
  else done(refused ? replyWith(step) : null);
}

async function take(sink: Sink, content: Buffer, steps: ReadonlyMap<string, Step>, cut: () => void, done: Done): Promise<void> {
  const email = await parse(content);
  for (const [recipient, step] of steps) sink.record(receivedFrom(email, recipient, step));
  // One reply for all recipients: the first that is to be treated otherwise than well decides.
  const step = [...steps.values()].find((candidate) => candidate.do !== 'ok') ?? { do: 'ok' };
  switch (step.do) {
    case 'status':
      return done(isTaken(step) ? null : replyWith(step));
    case 'delay':
      sink.timers.after(step.delayMs ?? 0, () => done());
      return;
    case 'hang':
      sink.hold(cut);
      return;
    case 'drop-reply':
    case 'refuse':
      return cut();
    case 'ok':
      return done();
  }
}

function replyWith(step: Step): Error {
  return Object.assign(new Error('As scripted'), { responseCode: step.status ?? 451 });
}

function refusedAtRcpt(recipient: string, step: Step): Received {
  return {
    channel: 'email',
    target: recipient,
    operationId: null,
    subject: null,
    excerpt: '',
    requestId: null,
    signature: 'unchecked',
    answer: `${answerOf(step, 250)} at RCPT TO`,
    taken: false,
  };
}

function receivedFrom(email: Email | null, recipient: string, step: Step): Received {
  return {
    channel: 'email',
    target: recipient,
    operationId: header(email, 'x-signalbox-operation') ?? email?.messageId?.replace(/^<|@.*$/g, '') ?? null,
    subject: email?.subject ?? null,
    excerpt: (email?.text ?? '').slice(0, EXCERPT_LENGTH),
    requestId: header(email, 'x-request-id'),
    ...unsubscribeOf(email),
    signature: 'unchecked',
    answer: answerOf(step, 250),
    taken: isTaken(step),
  };
}

function unsubscribeOf(email: Email | null): Pick<Received, 'listUnsubscribe'> {
  const url = /<([^<>]+)>/.exec(header(email, 'list-unsubscribe') ?? '')?.[1];
  return url === undefined ? {} : { listUnsubscribe: { url, post: header(email, 'list-unsubscribe-post') } };
}

function header(email: Email | null, key: string): string | null {
  return email?.headers.find((candidate) => candidate.key === key)?.value ?? null;
}

async function parse(content: Buffer): Promise<Email | null> {
  try {
    // Loaded with the first mail: an idle process need not have it.
    const { default: PostalMime } = await import('postal-mime');
    return await PostalMime.parse(content);
  } catch {
    return null;
  }
}

async function read(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
