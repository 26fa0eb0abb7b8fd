import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ensureInstalled, serversDirectory } from '../support/servers/install.js';

const run = promisify(execFile);
const MINUTES_TO_INSTALL = 300_000;
const place = mkdtempSync(join(tmpdir(), 'signalbox-images-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** In `docker/`, and at the root. */
const DOCKERFILES = ['.', 'docker'].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => /^Dockerfile\b/.test(name))
    .map((name) => join(folder, name)),
);

/** What hadolint has to say of it; whatever it says makes it end with 1. */
function faults(file: string): Promise<string> {
  return run(join(serversDirectory(), 'bin/hadolint'), ['--no-color', file]).then(
    ({ stdout }) => stdout,
    ({ stdout, message }: { readonly stdout?: string; readonly message: string }) => stdout || message,
  );
}

describe('hadolint', () => {
  beforeAll(() => ensureInstalled('hadolint'), MINUTES_TO_INSTALL);

  it.each(DOCKERFILES)('finds no fault in %s', async (file) => {
    expect(await faults(file)).toBe('');
  });

  it('was given the images of both, and of the checklist', () => {
    expect(DOCKERFILES).toEqual(expect.arrayContaining(['Dockerfile.worker', 'docker/Dockerfile.api', 'docker/Dockerfile.worker']));
  });

  it.each([
    ['an image without a tag', 'FROM node\n', 'DL3006'],
    ['a fault in a shell line', 'FROM node:24\nRUN cd $UNQUOTED/x && [ 1 = 1 && ls\n', 'SC1'],
  ])('finds %s', async (_what, text, rule) => {
    const file = join(place, 'Dockerfile');
    writeFileSync(file, text);
    expect(await faults(file)).toContain(rule);
  });
});
