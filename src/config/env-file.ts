import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { SETTINGS } from './settings.js';

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
    if (typeof error === 'object' && error !== null && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR')) return null;
    throw error;
  }
}

/** All names under which the setting of this name may be given. */
function namesOf(name: string): readonly string[] {
  const of = Object.values(SETTINGS).find((setting) => setting.env === name || setting.aliases.includes(name));
  return of === undefined ? [name] : [of.env, ...of.aliases];
}

/**
 * Lays `.env` of a directory under the given variables. What is set already (even to nothing) stays as it is, under
 * whatever name: the PORT of a platform is not overruled by SERVER_PORT in a file.
 * Changes neither `process.env` nor what was given.
 */
export function withEnvFile(given: NodeJS.ProcessEnv, directory: string): Environment {
  const text = readFileIfAny(join(directory, '.env'));
  const file = text === null ? {} : parseEnv(text);
  const added = Object.keys(file).filter((name) => namesOf(name).every((each) => given[each] === undefined));
  const variables: NodeJS.ProcessEnv = { ...given };
  for (const name of added) variables[name] = file[name];
  return { variables, fromFile: new Set(added), inFile: Object.keys(file) };
}

/** The environment of this process with `.env` of its working directory under it. */
export function readEnvironment(): Environment {
  return withEnvFile(process.env, process.cwd());
}
