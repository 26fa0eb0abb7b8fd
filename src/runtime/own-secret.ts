import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import { SignalboxError } from '../errors.js';

/** 32 random bytes, base64url. */
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/**
 * The secret in this file of a data directory, made there if there is none; its owner alone can read it.
 * @param warn told where others can read it, too
 * @throws SignalboxError `store-refused` where the file holds something else
 */
export function ownSecret(directory: string, name: string, warn: (line: string) => void): string {
  const path = join(directory, name);
  try {
    const made = randomBytes(32).toString('base64url');
    writeFileSync(path, `${made}\n`, { mode: 0o600, flag: 'wx', flush: true });
    return made;
  } catch (error) {
    if (!(types.isNativeError(error) && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const secret = readFileSync(path, 'utf8').trim();
  if (!SECRET.test(secret)) throw new SignalboxError('store-refused', `${path} holds no secret; remove it, and a new one is made`);
  if ((statSync(path).mode & 0o077) !== 0) warn(`${path} can be read by others than its owner: chmod 600 it, or remove it`);
  return secret;
}
