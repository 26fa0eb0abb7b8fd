import type { Drill } from '../drill.js';
import type { Member } from '../member.js';
import type { Stage } from '../stage.js';

/** 200 to 2,000 ms, drawn anew for everything that is said. */
const LATENCY = { latency: 1_100, jitter: 900 } as const;
const DRAINED_MS = 60_000;
/** What an API may take, on a machine that has other things to do. */
const ANSWER_MS = 1_500;
const LOOK_MS = 1_000;

export const slow: Drill = {
  name: 'slow',
  about: 'MongoDB and RabbitMQ answer after 200 to 2,000 ms for --seconds: APIs answer within about 1 s (or 503), and nothing piles up',
  scale: { rate: 20, seconds: 12, leaseMs: 10_000 },
  proxied: ['mongodb', 'rabbitmq'],
  async fault(stage) {
    const worst = { inUse: 0, limit: 0, memory: 0 };
    await stage.fault('MongoDB and RabbitMQ: slow', DRAINED_MS, async () => {
      for (const proxy of Object.values(stage.proxies)) await proxy.toxic('latency', LATENCY);
      for (let passed = 0; passed < stage.options.seconds * 1000; passed += LOOK_MS) {
        await stage.pass(LOOK_MS);
        await look(stage, worst);
      }
      for (const proxy of Object.values(stage.proxies)) await proxy.clear();
    });
    stage.figure('most connections to MongoDB in use in one process', worst.inUse);
    stage.figure('its limit', worst.limit);
    stage.figure('most memory of one process, MB', Math.round(worst.memory / 1e6));
    if (worst.limit > 0 && worst.inUse > worst.limit) stage.fail(`${worst.inUse} connections were in use, ${worst.limit} allowed`);
    if (worst.memory > MEMORY) stage.fail(`a process grew to ${Math.round(worst.memory / 1e6)} MB`);
  },
  judge(stage) {
    const { slowestMs, broken } = stage.load.counts();
    stage.figure('answers slower than 1 s', stage.load.slowerThan(1_000));
    return [
      ...(slowestMs > ANSWER_MS ? [`the slowest answer took ${slowestMs} ms, ${ANSWER_MS} allowed`] : []),
      ...(broken > 0 ? [`${broken} requests got no answer at all`] : []),
    ];
  },
};

const MEMORY = 400e6;

async function look({ members }: Stage, worst: { inUse: number; limit: number; memory: number }): Promise<void> {
  const told = await Promise.all(members.map((member: Member) => member.metrics()));
  for (const metrics of told) {
    if (metrics === null) continue;
    worst.inUse = Math.max(worst.inUse, metrics('signalbox_store_connections', 'state="in_use"'));
    worst.limit = Math.max(worst.limit, metrics('signalbox_store_connections', 'state="limit"'));
    worst.memory = Math.max(worst.memory, metrics('process_resident_memory_bytes'));
  }
}
