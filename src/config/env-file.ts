import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** The variables a process was started with, and those that a `.env` file adds. */
export interface Environment {
  readonly variables: NodeJS.ProcessEnv;
  /** Names that came from the file alone. */
  readonly fromFile: ReadonlySet<string>;
  /** Every name the file has, also those that the environment overrules. */
  readonly inFile: readonly string[];
}

function readFileIfAny(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR')) return null;
    throw error;
  }
}

/**
 * Lays `.env` of a directory under the given variables: what is set already (even to nothing) stays as it is.
 * Changes neither `process.env` nor what was given.
 */
export function withEnvFile(given: NodeJS.ProcessEnv, directory: string): Environment {
  const text = readFileIfAny(join(directory, '.env'));
  const file = text === null ? {} : parseEnv(text);
  const added = Object.keys(file).filter((name) => given[name] === undefined);
  const variables: NodeJS.ProcessEnv = { ...given };
  for (const name of added) variables[name] = file[name];
  return { variables, fromFile: new Set(added), inFile: Object.keys(file) };
}

/** The environment of this process with `.env` of its working directory under it. */
export function readEnvironment(): Environment {
  return withEnvFile(process.env, process.cwd());
}
