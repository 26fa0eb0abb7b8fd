import type { Socket } from 'node:net';
import { type RawServer, Signals, startRawServer } from './fixtures.js';

export const SMTP_PHASES = ['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'final'] as const;
export type SmtpPhaseName = (typeof SMTP_PHASES)[number];

/** A reply line, `hang` (say nothing), `cut` (destroy the socket), or `fragment:<text>` (that text, no line end, then cut). */
export type SmtpAnswer = string;

export interface RawSmtp extends RawServer {
  /** Raised with the phase's name when it is reached, and `closed` when a client is gone. */
  readonly signals: Signals;
  /** Messages that were taken with a 2xx reply. */
  readonly accepted: string[];
  /** Messages whose content arrived whole. */
  readonly contents: string[];
  /** Every command line, in order. */
  readonly commands: string[];
}

export type SmtpScript = Partial<Record<SmtpPhaseName, SmtpAnswer>>;

const WELL: Readonly<Record<SmtpPhaseName, SmtpAnswer>> = {
  greeting: '220 mx.test ESMTP',
  ehlo: '250 mx.test',
  mail: '250 OK',
  rcpt: '250 OK',
  data: '354 Go ahead',
  final: '250 2.0.0 queued as 4F2A',
};

/** An SMTP server that does exactly what it is told, the rude things included. `scripts`: one per connection, the last for all further ones. */
export function startRawSmtp(...scripts: SmtpScript[]): Promise<RawSmtp> {
  return startRawSmtpOn(0, ...scripts);
}

export async function startRawSmtpOn(port: number, ...scripts: SmtpScript[]): Promise<RawSmtp> {
  const state = { signals: new Signals(), accepted: [] as string[], contents: [] as string[], commands: [] as string[] };
  let opened = 0;
  const server = await startRawServer((socket) => {
    const script = scripts[Math.min(opened, scripts.length - 1)] ?? {};
    opened += 1;
    converse(socket, { ...WELL, ...script, data: script.data ?? dataAfter(script) }, state);
  }, port);
  return { ...server, ...state };
}

/** A decent server refuses DATA where it refused the envelope; one that is told `data: '354 …'` takes it all the same. */
function dataAfter({ mail = WELL.mail, rcpt = WELL.rcpt }: SmtpScript): SmtpAnswer {
  return !mail.startsWith('2') || !rcpt.startsWith('2') ? '503 No valid recipients' : WELL.data;
}

function converse(socket: Socket, script: Readonly<Record<SmtpPhaseName, SmtpAnswer>>, state: Omit<RawSmtp, keyof RawServer>): void {
  let buffered = '';
  let inContent = false;
  const answer = (phase: SmtpPhaseName): void => {
    state.signals.raise(phase);
    const text = script[phase];
    if (text === 'hang') return;
    if (text === 'cut') return void socket.destroy();
    if (text.startsWith('fragment:')) return void socket.end(text.slice('fragment:'.length));
    if (phase === 'data') inContent = text.startsWith('354');
    socket.write(`${text}\r\n`);
  };
  const takeContent = (): boolean => {
    // The line end before the dot may be that of the DATA command, when the content is empty.
    const end = `\r\n${buffered}`.indexOf('\r\n.\r\n');
    if (end < 0) return false;
    const content = buffered.slice(0, end);
    buffered = buffered.slice(end + 3);
    inContent = false;
    state.contents.push(content);
    if (script.final.startsWith('2')) state.accepted.push(content);
    answer('final');
    return true;
  };
  const takeCommand = (): boolean => {
    const end = buffered.indexOf('\r\n');
    if (end < 0) return false;
    const line = buffered.slice(0, end);
    buffered = buffered.slice(end + 2);
    state.commands.push(line);
    command(line, answer, socket);
    return true;
  };
  socket.on('data', (chunk) => {
    buffered += chunk.toString('utf8');
    if (inContent) state.signals.raise('content');
    while (inContent ? takeContent() : takeCommand());
  });
  socket.once('close', () => state.signals.raise('closed'));
  answer('greeting');
}

function command(line: string, answer: (phase: SmtpPhaseName) => void, socket: Socket): void {
  const verb = line.slice(0, 4).toUpperCase();
  if (verb === 'EHLO' || verb === 'HELO') answer('ehlo');
  else if (verb === 'MAIL') answer('mail');
  else if (verb === 'RCPT') answer('rcpt');
  else if (verb === 'DATA') answer('data');
  else if (verb === 'QUIT') socket.end('221 Bye\r\n');
  else if (verb === 'AUTH') socket.write('535 5.7.8 Authentication failed\r\n');
  else socket.write('502 Not implemented\r\n');
}
