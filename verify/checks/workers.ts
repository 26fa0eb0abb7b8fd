import { type Check, hold, same } from '../check.js';
import { accept, reaches } from '../notify.js';
import { numbers, type WorkerHealth, workerHealth } from '../reading.js';
import type { World } from '../world.js';
import { deadLetter } from './desk.js';

/** In percent, to two digits. */
function rateOf({ processedCount, failedCount }: WorkerHealth['worker']): number {
  return processedCount === 0 ? 100 : Math.round(((processedCount - failedCount) / processedCount) * 10_000) / 100;
}

async function workersSay(world: World): Promise<string> {
  for (const origin of world.site.workers) {
    const { status, worker, database } = await workerHealth(world, origin);
    same(
      { status, isRunning: worker.isRunning, database },
      { status: 'healthy', isRunning: true, database: { connected: true } },
      `/health of ${origin}`,
    );
    numbers({ processedCount: worker.processedCount, failedCount: worker.failedCount }, 'worker');
    same(worker.successRate, rateOf(worker), `successRate of ${worker.processedCount} processed and ${worker.failedCount} failed`);
  }
  hold(world.site.workers.length > 0, 'workers', 'none');
  return `${world.site.workers.length} workers answer with the fields of the contract, and their rates are right`;
}

/** What the workers say they did must be what was done. */
async function countsMove(world: World): Promise<string> {
  const sums = async (): Promise<{ processed: number; failed: number }> => {
    const all = await Promise.all(world.site.workers.map((origin) => workerHealth(world, origin)));
    for (const { worker } of all) same(worker.successRate, rateOf(worker), `successRate of ${worker.workerId}`);
    return {
      processed: all.reduce((sum, { worker }) => sum + worker.processedCount, 0),
      failed: all.reduce((sum, { worker }) => sum + worker.failedCount, 0),
    };
  };
  const before = await sums();
  for (let n = 0; n < 5; n += 1) await reaches(world, await accept(world), 'delivered');
  await deadLetter(world);
  const after = await world.until('the workers to have counted them', async () => {
    const now = await sums();
    return now.processed - before.processed >= 6 ? now : null;
  });
  same(
    { processed: after.processed - before.processed, failed: after.failed - before.failed },
    { processed: 6, failed: 1 },
    'five delivered and one dead',
  );
  return 'five delivered and one dead: processed +6, failed +1 over all workers, rates right';
}

const FLEET = { on: ['cluster', 'compose'], elsewhere: 'one process is API and worker: its health is the API’s' } as const;

/** What processes without an API say of themselves. */
export const WORKERS: readonly Check[] = [
  { id: 'API-02', ...FLEET, run: workersSay },
  { id: 'NOT-09', ...FLEET, run: countsMove },
];
