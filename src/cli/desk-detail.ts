import { type DecisionTold, decisionsText } from './decisions.js';
import type { DeskRow } from './desk-text.js';
import { type Attempt, attemptLine } from './show.js';
import { columns } from './table.js';

/** One of those that wait for a person, with everything that is known of it. */
export interface DeskDetail extends DeskRow {
  readonly acceptedAt: string;
  readonly attemptsMade?: readonly Attempt[];
  readonly events?: readonly DecisionTold[];
}

export function detailText(found: DeskDetail): string {
  const failure = found.failure === null ? '-' : `${found.failure.code}: ${found.failure.message}`;
  const head = [
    ['delivery', found.deliveryId],
    ['notification', found.recordId],
    ['status', `${found.status}${found.reason === null ? '' : ` (${found.reason})`}`],
    ['user', found.userId ?? '-'],
    ['to', `${found.channel} ${found.recipient}`],
    ['accepted', found.acceptedAt],
    ['since', found.settledAt ?? '-'],
    ['error', failure],
    ['fingerprint', found.fingerprint ?? '-'],
  ];
  const attempts = (found.attemptsMade ?? []).map(attemptLine);
  const events = found.events ?? [];
  const decisions = events.length === 0 ? [] : [decisionsText(events, new Map([[found.deliveryId, found.channel]]))];
  return [columns(head), ...attempts, ...decisions].join('\n');
}
