import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBuilt } from '../../bench/built.js';
import { freePorts } from '../../tests/support/servers/ports.js';
import { Client } from '../client.js';
import { type MessageOptions, readMessageOptions } from '../messages/options.js';
import { loadMessages, warmUp } from '../messages/run.js';
import { readOptions } from '../options.js';
import type { Check } from '../result.js';
import { setUp } from '../setup.js';
import { measure } from '../steady.js';
import { findTarget, RunError, startTarget, type Target } from '../target.js';
import type { SoakOptions } from './options.js';

/** What a stretch of work came to. */
export interface Stretch {
  readonly offered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly p95: number | null;
  /** Objectives that were missed, but those of speed: a soak asks whether it lasts. */
  readonly missed: readonly string[];
}

/** What is done between two checks, on a target that is there until the end. */
export interface Work {
  readonly target: Target;
  /** Works for so long, until all that was offered is at rest, and holds the ledgers against each other. @throws RunError */
  stretch(seconds: number): Promise<Stretch>;
  end(): Promise<void>;
}

const QUIET = (): void => {};

/** @throws RunError */
export async function beginWork(options: SoakOptions, command: string, say: (line: string) => void): Promise<Work> {
  if (options.target === 'embedded') ensureBuilt();
  switch (options.workload) {
    case 'notifications':
      return notifications(options, command, say);
    case 'messages':
      return messages(options, command, say);
    case 'idle':
      return idle(await targetOf(options));
  }
}

/** @throws RunError */
async function targetOf({ target }: SoakOptions, webhookAllow: readonly string[] = []): Promise<Target> {
  if (target === 'embedded') return startTarget(webhookAllow);
  const found = await findTarget(target === 'cluster' ? null : target);
  if (found === null || (target === 'cluster' && found.fleet.kind !== 'cluster'))
    throw new RunError('no cluster answers: start one with npm run servers and npm run cluster, or name it with --target');
  return found;
}

/** Nothing is sent: consumers, sweepers and renewals run by themselves. */
function idle(target: Target): Work {
  return {
    target,
    async stretch(seconds) {
      await sleep(seconds * 1000);
      return { offered: 0, lost: 0, doubled: 0, p95: null, missed: [] };
    },
    end: () => target.stop(),
  };
}

async function notifications(options: SoakOptions, command: string, say: (line: string) => void): Promise<Work> {
  // A receiver of our own: in the server's sink its memory would be ours.
  const port = options.target === 'embedded' ? ((await freePorts(1))[0] ?? null) : null;
  const target = await targetOf(options, port === null ? [] : [`127.0.0.1:${port}`]);
  try {
    const own = port === null ? [] : ['--receiver=own', `--receiver-port=${port}`];
    const asked = readOptions([`--rate=${options.rate}`, `--url=${target.urls.join(',')}`, ...own]);
    const setup = await setUp({ ...asked, progress: false }, say);
    return {
      target,
      async stretch(duration) {
        const { figures, checks } = await measure(setup, { ...asked, duration, progress: false }, command, QUIET);
        const missed = missedIn(checks);
        const { offered, lost, duplicates: doubled } = figures;
        return { offered, lost, doubled, p95: figures.latency.p95, missed };
      },
      async end() {
        await setup.end();
        await target.stop();
      },
    };
  } catch (error) {
    await target.stop();
    throw error;
  }
}

async function messages(options: SoakOptions, command: string, say: (line: string) => void): Promise<Work> {
  const target = await targetOf(options);
  const client = new Client(target.urls);
  const asked = readMessageOptions([`--rate=${options.rate}`, '--duration=1']);
  const end = async (): Promise<void> => {
    await client.close();
    await target.stop();
  };
  try {
    await warmUp(client, asked, target, say);
    return {
      target,
      stretch: (seconds) => messageStretch(client, { ...asked, phases: [{ durationS: seconds, rate: options.rate }] }, target, command),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function messageStretch(client: Client, options: MessageOptions, target: Target, command: string): Promise<Stretch> {
  const { figures, checks } = await loadMessages(client, options, target, command, QUIET);
  const missed = missedIn(checks);
  const { offered, audit, stored } = figures;
  return {
    offered,
    lost: audit.lost,
    doubled: audit.doubled,
    p95: stored.p95,
    missed,
  };
}

/** Of what must not happen at all, what did. */
function missedIn(checks: readonly Check[]): readonly string[] {
  return checks.filter(({ met, limit }) => !met && /^0( |$)/.test(limit)).map(({ name, value }) => `${name}: ${value}`);
}
