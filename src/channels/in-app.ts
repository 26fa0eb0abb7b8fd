import { SignalboxError } from '../errors.js';
import type { Channel } from '../ports/channel.js';
import type { InboxKey, InboxStore } from '../ports/inbox.js';

export interface InAppChannelOptions {
  readonly inbox: Pick<InboxStore, 'put'>;
  /** Told when an item is durable: whoever shows this inbox can look again. */
  readonly arrived: (key: InboxKey) => void;
}

/**
 * The inbox inside of the application: our own store is the receiver. It takes an operation once, so the class is
 * `idempotent`, and a write of which no answer came is simply made again.
 */
export function inAppChannel({ inbox, arrived }: InAppChannelOptions): Channel & { close(): Promise<void> } {
  return {
    name: 'in-app',
    effectClass: 'idempotent',
    provider: () => 'inbox',
    close: () => Promise.resolve(),
    async send(effect, signal) {
      if (signal.aborted) return { kind: 'retry', failure: { code: 'aborted', message: 'The attempt was called off' } };
      const key = { tenant: effect.tenant, userId: effect.recipient };
      const { operationId, recordId: notificationId, category, subject, body, data } = effect;
      try {
        const { seq } = await inbox.put({ ...key, operationId, notificationId, category, subject, body, data });
        arrived(key);
        return { kind: 'done', receipt: String(seq) };
      } catch (error) {
        const code = error instanceof SignalboxError ? error.code : 'inbox_failed';
        return { kind: 'unknown', failure: { code, message: 'The inbox could not be written to' } };
      }
    },
  };
}
