import { step, type Workers } from '../../../../src/cli/autoscale.js';
import { Scaler } from '../../../../src/cli/scaler.js';
import { startWatchers } from '../../../monitoring/watchers.js';
import { until } from '../../stage.js';
import { behave, behaveAgain } from '../behave.js';
import type { Drill } from '../drill.js';
import { offer } from '../load.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';

/** A worker with two hands and receivers that take so long gets four webhooks a second done: the load asks for three of them. */
const HANDS = 2;
const SLOW_MS = 500;
const POLICY = { min: 1, max: 6, waitingPerWorker: 25, use: 0.7, holdMs: 30_000 };
const LOOK_MS = 3_000;
const GROWN_WITHIN_MS = 90_000;
/** The hold, and what is still in Prometheus' averages. */
const SHRUNK_WITHIN_MS = POLICY.holdMs + 90_000;

/** `signalbox autoscale` by the metrics of a real Prometheus with the rules that are shipped. */
export const autoscale: Drill = {
  name: 'autoscale',
  about:
    'one worker is too few for slow receivers: more come by themselves until nothing waits long; when receivers are quick again they go',
  scale: { rate: 10, workers: 1 },
  settings: { PREFETCH_COUNT: String(HANDS) },
  offerOf: (index, { run, sinkUrl }) => offer(index, 'webhook', { run, sinkUrl }),
  async fault(stage) {
    const watchers = await startWatchers({ targets: () => targetsOf(stage), everyS: 3, tell: () => 'http://127.0.0.1:9/' });
    const over = new AbortController();
    const scaling = keepScaling(stage, watchers.prometheus.uri, over.signal);
    try {
      await stage.fault('receivers take half a second', GROWN_WITHIN_MS, async () => {
        await behave(stage, { channel: 'webhook', then: { do: 'delay', delayMs: SLOW_MS } });
        const grown = await until(GROWN_WITHIN_MS, async () => running(stage) >= 3);
        if (!grown) stage.fail(`only ${running(stage)} workers came within ${GROWN_WITHIN_MS / 1000} s`);
        if (!(await stage.caughtUp(GROWN_WITHIN_MS))) stage.fail('the workers that came did not catch up');
      });
      stage.figure('workers at most', running(stage));
      await behaveAgain(stage);
      const shrunk = await until(SHRUNK_WITHIN_MS, async () => running(stage) <= 2);
      if (!shrunk) stage.fail(`${running(stage)} workers are still there ${SHRUNK_WITHIN_MS / 1000} s after one was enough`);
      stage.figure('workers in the end', running(stage));
    } finally {
      over.abort();
      await scaling;
      await watchers.stop();
    }
  },
};

function targetsOf(stage: Stage) {
  const those = (members: readonly Member[]) =>
    members.filter((member) => member.running).map(({ name, url }) => ({ name, address: new URL(url).host }));
  return { api: those(stage.apis), worker: those(stage.workers) };
}

function running(stage: Stage): number {
  return stage.workers.filter((member) => member.running).length;
}

/** As `signalbox autoscale` does until it is interrupted, with the stage's processes for workers. */
async function keepScaling(stage: Stage, prometheus: string, signal: AbortSignal): Promise<void> {
  const scaler = new Scaler(POLICY);
  const workers: Workers = { count: async () => running(stage), set: (many) => setWorkers(stage, many) };
  while (!signal.aborted) {
    await step({
      scaler,
      workers,
      prometheus,
      dryRun: false,
      tell: (reading, decision) => {
        if (decision.workers !== reading.workers) stage.say(`${reading.workers} → ${decision.workers} workers: ${decision.because}`);
      },
    });
    await stage.pass(LOOK_MS);
  }
}

/** Those with the highest numbers go first. */
async function setWorkers(stage: Stage, many: number): Promise<void> {
  for (const worker of stage.workers.slice(many).filter((member) => member.running)) {
    const how = await worker.stop();
    if (how?.code !== 0) stage.fail(`${worker.name} did not end in order: ${how?.signal ?? `exit code ${how?.code}`}`);
  }
  for (let at = 0; at < many; at += 1) {
    const worker = stage.workers[at] ?? (await stage.add('worker'));
    if (!worker.running) await worker.start();
  }
}
