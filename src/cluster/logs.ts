import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log file is put aside (as `<name>.1`, the one before it goes) when it is as long. */
const LONGEST_BYTES = 32 * 1024 * 1024;
/** What a console that reads too slowly is spared: it is all in the files. */
const CONSOLE_BUFFER_BYTES = 4 * 1024 * 1024;

/** A file that is begun anew at each start and never grows without end; the one before is kept. */
export class LogFile {
  readonly #path: string;
  #handle: number;
  #bytes = 0;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.#handle = this.#begin();
  }

  write(text: Buffer): void {
    writeSync(this.#handle, text);
    this.#bytes += text.length;
    if (this.#bytes < LONGEST_BYTES) return;
    closeSync(this.#handle);
    this.#handle = this.#begin();
  }

  #begin(): number {
    try {
      renameSync(this.#path, `${this.#path}.1`);
    } catch {
      // The first one.
    }
    this.#bytes = 0;
    return openSync(this.#path, 'a', 0o600);
  }
}

/** Cuts what a process writes at the ends of its lines, so that lines of many processes do not mix. */
export class WholeLines {
  #rest = Buffer.alloc(0);

  /** All lines that are complete now, with their ends; empty where there is none. */
  feed(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(0x0a) + 1;
    if (end === 0) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return Buffer.alloc(0);
    }
    const whole = Buffer.concat([this.#rest, chunk.subarray(0, end)]);
    this.#rest = Buffer.from(chunk.subarray(end));
    return whole;
  }

  /** What was begun and never ended. */
  last(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? rest : Buffer.concat([rest, Buffer.from('\n')]);
  }
}

/** What a process says beside its log (a crash, a warning of Node) as lines like those of the log. */
export function asLogLines(name: string, text: Buffer, now: Date): Buffer {
  const lines = text.toString('utf8').split('\n');
  const said = lines.filter((line) => line.trim() !== '').map((line) => (line.startsWith('{') ? line : logLine(name, line, now)));
  return Buffer.from(said.map((line) => `${line}\n`).join(''));
}

function logLine(name: string, msg: string, now: Date): string {
  return JSON.stringify({ level: 'warn', time: now.toISOString(), service: 'signalbox', worker: name, msg });
}

/** Standard output for all logs together; who stops reading, or reads too slowly, misses some. */
export function consoleLog(): (text: Buffer) => void {
  let open = true;
  process.stdout.on('error', () => {
    open = false;
  });
  return (text) => {
    if (open && process.stdout.writableLength < CONSOLE_BUFFER_BYTES) process.stdout.write(text);
  };
}
