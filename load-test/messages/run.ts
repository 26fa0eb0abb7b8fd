import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { ensureBuilt } from '../../bench/built.js';
import { Client } from '../client.js';
import { countOf } from '../fleet.js';
import { type Counter, FleetWatch, totalOf } from '../fleet-watch.js';
import { appendHistory, demandWritable, readMessageHistory } from '../history.js';
import { machineName } from '../machine.js';
import { COLD_MS, COLD_WARM_UP_S, WARM_UP_RATE } from '../options.js';
import { now } from '../stats.js';
import { findTarget, RunError, startTarget, type Target } from '../target.js';
import { auditOf } from './audit.js';
import { MessageLoad } from './load.js';
import { checksOf, figuresOf, histogramOf, type Measured, secondsOf } from './measure.js';
import { HELP, type MessageOptions, readMessageOptions } from './options.js';
import { print } from './print.js';
import { renderMessageReport } from './report.js';
import type { MessageEntry, MessageResult } from './result.js';
import { deadLetters, readBack, rest, watchLog } from './target-log.js';

const LEAD_MS = 200;
const SHOWN_EXAMPLES = 5;
const ENQUEUED: Counter = { name: 'stream_enqueue_total' };
const STORED: Counter = { name: 'stream_consumer_processed_total', labels: { status: 'success' } };

type Say = (line: string) => void;

/** @returns whether every objective was met @throws UsageError, RunError */
export async function runMessages(args: readonly string[]): Promise<boolean> {
  const options = readMessageOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return true;
  }
  for (const path of [options.report, options.history]) demandWritable(path);
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  const found = await findTarget(options.urls);
  if (found === null) ensureBuilt();
  const target = found ?? (await startTarget([]));
  const client = new Client(target.urls);
  const end = async (): Promise<void> => {
    await client.close();
    await target.stop();
  };
  const interrupted = (): void => void end().finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    say(`target: ${target.urls.join(', ')}${target.own ? ' (a server of its own, started for this run)' : ''}`);
    await warmUp(client, options, target, say);
    const result = await loadMessages(client, options, target, ['npm run load-test --', ...args].join(' '), say);
    await keep(result, options, say);
    return result.passed;
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await end();
  }
}

async function keep(result: MessageResult, options: MessageOptions, say: Say): Promise<void> {
  const entry = historyOf(result);
  const earlier = readMessageHistory(options.history);
  appendHistory(options.history, entry);
  writeFileSync(options.report, await renderMessageReport(result, [...earlier, entry]));
  if (options.json) process.stdout.write(`${JSON.stringify(entry, null, 2)}\n`);
  else say(`\n${print(result)}\n`);
  say(`report: ${options.report}, history: ${options.history}`);
}

/** The history's line: everything but what only the report shows. */
export function historyOf(result: MessageResult): MessageEntry {
  const { seconds: _seconds, histogram: _histogram, log: _log, looks: _looks, examples: _examples, ...entry } = result;
  return entry;
}

/** A cold server is slow as every process is at first: of this nothing is measured, but that it goes through. @throws RunError */
export async function warmUp(client: Client, options: MessageOptions, { own, fleet }: Target, say: Say): Promise<void> {
  const youngest = Math.max(...fleet.members.map(({ startedAt }) => startedAt));
  const durationS = options.warmUpS ?? (own || Date.now() - youngest < COLD_MS ? COLD_WARM_UP_S : 0);
  if (durationS === 0) return;
  const rate = Math.max(WARM_UP_RATE, ...options.phases.map((phase) => phase.rate));
  say(`warm-up: ${rate} /s for ${durationS} s, not measured`);
  const load = new MessageLoad(client, `warm-${randomUUID().slice(0, 8)}`, { ...options, phases: [{ durationS, rate }] });
  await load.play(now() + LEAD_MS);
  if (load.accepted === 0) throw new RunError(`the server at ${client.url} accepts no messages: ${load.sent[0]?.error}`);
  await rest(client);
}

/** One load, what came of it, and whether it met its objectives. @throws RunError */
export async function loadMessages(
  client: Client,
  options: MessageOptions,
  target: Target,
  command: string,
  say: Say,
): Promise<MessageResult> {
  const watch = new FleetWatch(target.fleet, STORED);
  await watch.start();
  const measured = await measure(client, options, target, say);
  const fleet = await watch.stop();
  const { startedAt, audit, log } = measured;
  const figures = figuresOf(measured);
  const checks = checksOf(figures);
  const sinceStart = (at: number): number => (at - startedAt) / 1000;
  return {
    ...aboutOf(options, target, command),
    figures,
    fleet,
    checks,
    passed: checks.every(({ met }) => met),
    seconds: secondsOf(measured),
    histogram: histogramOf(measured),
    log: log.map((look) => ({ ...look, at: sinceStart(look.at) })),
    looks: watch.looks.map((look) => ({ ...look, at: sinceStart(look.at) })),
    examples: {
      lost: audit.lost.slice(0, SHOWN_EXAMPLES),
      doubled: audit.doubled.slice(0, SHOWN_EXAMPLES),
      strangers: audit.strangers.slice(0, SHOWN_EXAMPLES),
      disordered: audit.disordered.slice(0, SHOWN_EXAMPLES),
      unrecognised: audit.unrecognised.slice(0, SHOWN_EXAMPLES),
    },
  };
}

function aboutOf({ phases, conversations, duplicatesPercent, path }: MessageOptions, { urls, own, fleet }: Target, command: string) {
  return {
    at: new Date().toISOString(),
    command,
    scenario: 'messages' as const,
    node: process.version,
    machine: machineName(),
    target: { url: urls.join(','), own, kind: fleet.kind, apis: countOf(fleet, 'api'), workers: countOf(fleet, 'worker') },
    load: { phases, conversations, duplicatesPercent, path },
  };
}

async function measure(client: Client, options: MessageOptions, { fleet }: Target, say: Say): Promise<Measured> {
  const { phases, conversations } = options;
  const dead = await deadLetters(client);
  const before = await totalOf(fleet, ENQUEUED);
  const load = new MessageLoad(client, `lt-${randomUUID().slice(0, 8)}`, options);
  const watch = watchLog(client);
  for (const { rate, durationS } of phases) say(`load: ${rate} /s for ${durationS} s over ${conversations} conversations`);
  const startedAt = now() + LEAD_MS;
  await load.play(startedAt);
  const overAt = now();
  await rest(client);
  const drainMs = now() - overAt;
  const log = await watch.stop();
  const after = await totalOf(fleet, ENQUEUED);
  say(`at rest ${drainMs.toFixed(0)} ms after the last answer; reading ${conversations} conversations back`);
  const histories = await readBack(client, new Set(load.sent.map(({ conversationId }) => conversationId)));
  return {
    startedAt,
    // Repeats come later, and go into no log.
    answeredAt: load.sent.reduce((latest, one) => Math.max(latest, one.answeredAt), startedAt),
    phases,
    sent: load.sent,
    histories,
    audit: auditOf(load.sent, histories),
    log,
    // Without a log nothing goes into it, and no objective is missed by that.
    enqueued: before === null || after === null || log.length === 0 ? null : after - before,
    deadLetters: (await deadLetters(client)) - dead,
    drainMs,
  };
}
