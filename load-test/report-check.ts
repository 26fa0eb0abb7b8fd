/**
 * Opens a report in a real browser without a window and looks whether its charts are painted.
 *
 *   npm run load-test:report-check -- [FILE] [--screenshot FILE]
 *
 * Exits 0 when every chart is painted, 1 when one is not or there is no browser, 2 when the command line is wrong.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const TIMEOUT_MS = 60_000;

class CheckError extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message);
  }
}

/** @throws CheckError where none is installed */
function browser(): string {
  const found = BROWSERS.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
  if (found === undefined) throw new CheckError(`no browser: none of ${BROWSERS.join(', ')} is installed`);
  return found;
}

function open(file: string, more: readonly string[]): string {
  // A profile of its own: one that somebody has open would swallow the call.
  const profile = mkdtempSync(join(tmpdir(), 'signalbox-browser-'));
  try {
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--window-size=1280,1900', '--virtual-time-budget=5000'];
    const { status, stdout } = spawnSync(browser(), [...flags, `--user-data-dir=${profile}`, ...more, pathToFileURL(file).href], {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (status !== 0) throw new CheckError(`the browser ended with ${status}`);
    return stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}

/** How many charts there are, and how many of them show anything. */
function look(file: string): { readonly charts: number; readonly painted: number } {
  const body = /<body[^>]*>/.exec(open(file, ['--dump-dom']))?.[0] ?? '';
  const number = (name: string): number => Number(new RegExp(`data-${name}="(\\d+)"`).exec(body)?.[1] ?? 0);
  return { charts: number('charts'), painted: number('painted') };
}

function arguments_(): { readonly file: string; readonly screenshot: string | undefined } {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { screenshot: { type: 'string' } } });
    const file = resolve(positionals[0] ?? 'load-test/report.html');
    if (!existsSync(file)) throw new Error(`${file} is not there`);
    return { file, screenshot: values.screenshot };
  } catch (error) {
    throw new CheckError(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error), 2);
  }
}

try {
  const { file, screenshot } = arguments_();
  const { charts, painted } = look(file);
  if (screenshot !== undefined) open(file, [`--screenshot=${resolve(screenshot)}`]);
  process.stdout.write(`${file}: ${painted} of ${charts} charts are painted\n`);
  process.exitCode = charts > 0 && painted === charts ? 0 : 1;
} catch (error) {
  process.exitCode = error instanceof CheckError ? error.exitCode : 1;
  process.stderr.write(`report-check: ${error instanceof Error ? error.message : String(error)}\n`);
}
