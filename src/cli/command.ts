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
export type Finish = (code: 0 | 1) => void;

export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
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

/** An option's value as a whole number from 1 on. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 1_000_000) throw new InvalidArgumentError('It must be a whole number from 1 to 1000000.');
  return value;
}

/** An option's value as the address of a server, without a slash at its end. */
export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new InvalidArgumentError('It must be an http or https URL.');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
