import type { ApiClient } from '../api-client.js';
import { CliError } from '../cli-error.js';
import type { Alert } from './subscribers.js';

/** Every so many-th alert is posted a second time under the same key, as a client does that lost the answer. */
const REPEAT_EVERY = 20;

/** What was answered. */
export interface Answered {
  readonly alert: Alert;
  readonly id: string;
  /** True where an earlier run of the demo had sent the same: nothing is sent again. */
  readonly known: boolean;
}

export interface Fed {
  readonly answered: readonly Answered[];
  readonly repeats: number;
  /** Repeats that got the same id and said that they are repeats. */
  readonly recognised: number;
  /** Posts that were refused for good or never answered, with the server's word. */
  readonly refused: readonly string[];
}

interface AcceptedBody {
  readonly notificationId: string;
  readonly idempotentHit: boolean;
}

/** Posts every alert, and some of them twice, so many at a time. */
export async function feed(client: ApiClient, alerts: readonly Alert[], concurrency: number, onPosted: () => void): Promise<Fed> {
  const answered: Answered[] = [];
  const refused: string[] = [];
  let repeats = 0;
  let recognised = 0;
  const post = (alert: Alert): Promise<AcceptedBody> =>
    client.offer<AcceptedBody>('/api/v1/notifications', alert.key, alert.request).then((answer) => answer.body);
  await eachOf(alerts, concurrency, async (alert, index) => {
    try {
      const first = await post(alert);
      answered.push({ alert, id: first.notificationId, known: first.idempotentHit });
      if (index % REPEAT_EVERY === 0) {
        repeats += 1;
        const second = await post(alert);
        if (second.idempotentHit && second.notificationId === first.notificationId) recognised += 1;
      }
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      refused.push(`${alert.key}: ${error.message}`);
    }
    onPosted();
  });
  return { answered, repeats, recognised, refused };
}

/** Calls `work` for each item, so many at a time. */
export async function eachOf<T>(items: readonly T[], concurrency: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}
