import { createInterface } from 'node:readline/promises';
import { CliError } from './cli-error.js';

/** Where the question goes and the answer comes from. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

const OWN: Terminal = { input: process.stdin, output: process.stderr };

/** Before anything is asked of the server. @throws CliError (2) where nobody can be asked and --yes was not given */
export function demandYes(yes: boolean, what: string, { input, output }: Terminal = OWN): void {
  if (yes || (input.isTTY === true && output.isTTY === true)) return;
  throw new CliError(`${what} needs --yes where nobody can be asked (see also --dry-run)`, 2);
}

/** Whether the person agrees; anything but yes is no. */
export async function agrees(question: string, { input, output }: Terminal = OWN): Promise<boolean> {
  const lines = createInterface({ input, output });
  try {
    // The end of the input, e.g. Ctrl-D, is an answer too.
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const answer = await Promise.race([lines.question(`${question} [y/N] `), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
