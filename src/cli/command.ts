import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { ApiClient } from './api-client.js';
import { serverUrl } from './find-server.js';

/** What every command is given. */
export interface GlobalOptions {
  readonly url?: string;
  readonly json?: true;
}

/** Ends the program with this code once the command is over. */
export type Finish = (code: 0 | 1 | 2) => void;

export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

export function wantsJson(command: Command): boolean {
  return globalOptions(command).json === true;
}

/** A client of the server that the options name, else of the one that answers. @throws CliError when none does */
export async function clientFor(command: Command): Promise<ApiClient> {
  return new ApiClient(await serverUrl(globalOptions(command).url));
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A line for whoever watches, beside the result: progress and remarks. */
export function remark(text: string): void {
  process.stderr.write(`signalbox: ${text}\n`);
}

/** A command that only holds others: by itself it says which. */
export function family(program: Command, name: string, description: string, examples: string): Command {
  const command: Command = program
    .command(name)
    .description(description)
    .usage('[options] <command>')
    // With all words behind it: what is not there is then named, instead of their number.
    .argument('[command...]')
    .addHelpText('after', examples)
    // Reached only where no command of that name is there.
    .action(([given]: readonly string[]) => {
      const why = given === undefined ? `name a command of ${name}` : `${name} has no command ${given}`;
      command.error(`${why} (see signalbox ${name} --help)`);
    });
  return command;
}

/** An id: an empty one would ask for the whole list. */
export function id(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** An option's value as a whole number from 1 on. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 1_000_000) throw new InvalidArgumentError('It must be a whole number from 1 to 1000000.');
  return value;
}

/** An option's value as so many a second, as the desk takes it. */
export function rate(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < 0.1 || value > 1000) throw new InvalidArgumentError('It must be a number from 0.1 to 1000.');
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An option's value as an instant, ISO 8601 in UTC: given so, or as so long ago (`90s`, `15m`, `1h`, `7d`). */
export function instant(text: string): string {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return new Date(Date.now() - Number(amount) * (UNIT_MS[unit] ?? 0)).toISOString();
  // Date.parse alone would take "1" for the year 2001.
  const at = /^\d{4}-\d{2}-\d{2}([T ]|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('It must be a time such as 2026-12-01T09:00:00Z, or an age such as 90s, 15m, 1h or 7d.');
  return new Date(at).toISOString();
}

/** An option's value as the address of a server, without a slash at its end. */
export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new InvalidArgumentError('It must be an http or https URL.');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
