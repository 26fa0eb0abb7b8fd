import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { SinkChannel } from './behaviour.js';

/** One line of the ledger: an arrival that was taken. */
export interface LedgerLine {
  readonly operationId: string;
  readonly channel: SinkChannel;
  /** The beginning of the SHA-256 of the recipient, so that ledgers can be compared without holding addresses. */
  readonly recipientHash: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** 1: the effect. 2 and more: repeats under the same id, which a receiver that keeps ids absorbs. */
  readonly n: number;
}

/**
 * An append-only file of what was taken, one JSON line each, written before the answer: what a client was told, the
 * file holds, even if the sink is killed right after. (A power cut may lose the end; drills kill processes.)
 */
export class LedgerFile {
  readonly #file: number;
  #closed = false;
  /** What earlier runs wrote, in order. */
  readonly earlier: readonly LedgerLine[];

  constructor(path: string) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    this.earlier = parse(text);
    this.#file = openSync(path, 'a');
    // A sink killed in the middle of a line: that line was never answered for, but it must not spoil the next one.
    if (text !== '' && !text.endsWith('\n')) writeSync(this.#file, '\n');
  }

  append(line: LedgerLine): void {
    // After closing, every connection has been cut: nothing more is answered for.
    if (!this.#closed) writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
  }
}

export function hashRecipient(recipient: string): string {
  return createHash('sha256').update(recipient).digest('hex').slice(0, 16);
}

function parse(text: string): LedgerLine[] {
  const lines: LedgerLine[] = [];
  for (const line of text.split('\n')) {
    if (!line.endsWith('}')) continue;
    try {
      lines.push(JSON.parse(line) as LedgerLine);
    } catch {
      // A torn line; see the constructor.
    }
  }
  return lines;
}
