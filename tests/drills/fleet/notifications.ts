import { type Findings, findingsOf, recoveredOf, staleWrites } from './evidence.js';
import { wronglyHeld } from './held.js';
import { leftInQueues } from './queue.js';
import type { Backlog } from './stage.js';
import type { Work } from './work.js';

/** Notifications by all channels: accepted, claimed, sent, and written down. */
export const NOTIFICATIONS: Work<Findings> = {
  backlog: async (api) => (await api.get<{ readonly queue: Backlog }>('/resources'))?.queue ?? null,
  findings: findingsOf,
  judge(stage, findings) {
    const stale = staleWrites(findings.histories, new Set(stage.workers.map(({ name }) => name)));
    const { held, wrong } = wronglyHeld(stage, findings);
    return {
      report: findings.report,
      recoveries: recoveredOf(stage, findings),
      failures: [...stale.map((line) => `STALE ${line}`), ...wrong],
      rows: [
        ['held for a person, rightly or not', held],
        ['stale writes', stale.length],
      ],
    };
  },
  left: ({ servers }) => leftInQueues(servers.rabbitmq),
};
