import { jest } from '@jest/globals';
import { run } from '../../src/cli/main.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process and keeps what it writes. */
export async function signalbox(...argv: readonly string[]): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const keep = (to: string[]) => (chunk: unknown) => to.push(String(chunk)) > 0;
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(keep(out)),
    jest.spyOn(process.stderr, 'write').mockImplementation(keep(err)),
  ];
  try {
    const code = await run(argv);
    return { code, out: out.join(''), err: err.join('') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
