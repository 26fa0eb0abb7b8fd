import { parseArgs } from 'node:util';

export interface Options {
  /** Words on the command line: a case runs when its name begins with one of them. None: all run. */
  readonly wanted: readonly string[];
  readonly rounds: number;
  readonly items: number | null;
  readonly json: boolean;
  readonly help: boolean;
  readonly profileDir: string | null;
}

/** The command line is wrong; the message is one line for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

function count(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least) throw new UsageError(`--${flag} ${text}: give a whole number from ${least}`);
  return value;
}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '3' },
        items: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        profile: { type: 'string' },
      },
    });
    return {
      wanted: positionals,
      // Fewer than three rounds have no middle.
      rounds: count('rounds', values.rounds, 3),
      items: values.items === undefined ? null : count('items', values.items, 100),
      json: values.json,
      help: values.help,
      profileDir: values.profile ?? null,
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error));
  }
}
