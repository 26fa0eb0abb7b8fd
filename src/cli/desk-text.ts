import { columns } from './table.js';

export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** A row of `/dead-letters` and `/held`. */
export interface DeskRow {
  readonly deliveryId: string;
  readonly workload: string;
  readonly recordId: string;
  readonly userId: string | null;
  readonly channel: string;
  readonly recipient: string;
  readonly status: string;
  readonly reason: string | null;
  readonly failure: Failure | null;
  readonly fingerprint: string | null;
  readonly attempts: number;
  readonly settledAt: string | null;
}

/** Deliveries with one cause. */
export interface DeskGroup {
  readonly fingerprint: string | null;
  readonly workload: string;
  readonly channel: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly sample: string;
}

const NONE = '-';
const MESSAGE_WIDTH = 60;

function clipped(text: string): string {
  return text.length > MESSAGE_WIDTH ? `${text.slice(0, MESSAGE_WIDTH - 1)}…` : text;
}

/** A table, or the line that says that there is nothing. */
export function rowsText(rows: readonly DeskRow[], nothing: string): string {
  if (rows.length === 0) return nothing;
  const cells = rows.map(({ deliveryId, channel, userId, failure, attempts, settledAt }) => [
    deliveryId,
    settledAt ?? NONE,
    channel,
    userId ?? NONE,
    String(attempts),
    failure?.code ?? NONE,
    clipped(failure?.message ?? NONE),
  ]);
  return columns([['delivery', 'since', 'channel', 'user', 'attempts', 'error', 'message'], ...cells], [4]);
}

/** Held deliveries are grouped by channel and error alone: the column of the fingerprint is then left out. */
export function groupsText(groups: readonly DeskGroup[], nothing: string): string {
  if (groups.length === 0) return nothing;
  const marked = groups.some((group) => group.fingerprint !== null);
  const cells = groups.map((group) => [
    String(group.count),
    group.channel,
    group.code ?? NONE,
    ...(marked ? [group.fingerprint ?? NONE] : []),
    group.firstAt,
    group.lastAt,
    group.sample,
    clipped(group.message ?? NONE),
  ]);
  const head = ['count', 'channel', 'error', ...(marked ? ['fingerprint'] : []), 'first', 'last', 'newest', 'message'];
  return columns([head, ...cells], [0]);
}
