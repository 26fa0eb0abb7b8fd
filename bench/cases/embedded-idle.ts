import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { makeDataDir, ROOT, removeDataDir } from '../built.js';
import { type Case, type CaseOptions, type CaseResult, figuresOf, finding, rotate, type Sample } from '../case.js';

const IDLE_MS = 5000;
const DEFAULT = 'signalbox, sink on';
const WITHOUT_SINK = 'signalbox, SINK=off';
const BARE = 'node, nothing loaded';

/** What a process costs that has nothing to do. */
export const embeddedIdle: Case = { name: 'embedded-idle', summary: 'resident memory of an idle process', run };

async function run({ rounds, progress }: CaseOptions): Promise<CaseResult> {
  const samples: Sample[] = [];
  const weigh = (contestant: string, args: readonly string[], env: NodeJS.ProcessEnv) => async (round: number) => {
    progress(`round ${round}: ${contestant}`);
    samples.push({ contestant, round, figures: { 'resident MiB': await residentMb(args, env) } });
  };
  const main = [join(ROOT, 'dist/main.js')];
  await rotate(rounds, [
    weigh(DEFAULT, main, {}),
    weigh(WITHOUT_SINK, main, { SINK: 'off', SMTP_URL: 'smtp://127.0.0.1:2525' }),
    weigh(BARE, ['--eval', 'console.log("ready"); setInterval(() => {}, 1000)'], {}),
  ]);
  const of = (contestant: string): readonly number[] => figuresOf(samples, contestant, 'resident MiB');
  return {
    name: embeddedIdle.name,
    items: 1,
    samples,
    findings: [finding(DEFAULT, 'MiB', of(DEFAULT), { atMost: 90 }), finding(WITHOUT_SINK, 'MiB', of(WITHOUT_SINK), { atMost: 90 })],
    notes: [`Resident set ${IDLE_MS / 1000} s after the process said that it was ready; MiB, as \`ps\` and /proc count.`],
  };
}

async function residentMb(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const dataDir = makeDataDir();
  const defaults = { PATH: process.env['PATH'], SERVER_PORT: '0', SINK_SMTP_PORT: '0', DATA_DIR: dataDir };
  // Elsewhere, so that a developer's .env is not read.
  const child = spawn(process.execPath, args, { cwd: dataDir, env: { ...defaults, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await ready(child);
    await setTimeout(IDLE_MS);
    return residentKilobytes(child.pid ?? 0) / 1024;
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    removeDataDir(dataDir);
  }
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('ready')) return;
  throw new Error('the process ended before it was ready');
}

/** In units of 1000 bytes; the kernel and `ps` count in units of 1024. */
function residentKilobytes(pid: number): number {
  const status = `/proc/${pid}/status`;
  const text = existsSync(status)
    ? /^VmRSS:\s*(\d+)/m.exec(readFileSync(status, 'utf8'))?.[1]
    : spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return Number(text) * 1.024;
}
