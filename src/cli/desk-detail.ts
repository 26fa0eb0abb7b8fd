import { type DecisionTold, decisionsText } from './decisions.js';
import type { DeskRow } from './desk-text.js';
import { attemptLine } from './show.js';
import { columns } from './table.js';

/** One line of the effect ledger: the intent before a call, or the outcome after it. */
interface Entry {
  readonly operationId: string;
  readonly attempt: number;
  readonly kind: 'intent' | 'outcome';
  readonly at: string;
  readonly provider: string;
  readonly result?: string;
  readonly failure?: { readonly code: string; readonly message: string };
  readonly durationMs?: number;
}

/** One of those that wait for a person, with everything that is known of it. */
export interface DeskDetail extends DeskRow {
  readonly acceptedAt: string;
  readonly operationId: string;
  readonly redrives: number;
  /** One line for each of its lives, the first one first: each redrive after a known failure begins another. */
  readonly lineage: readonly {
    readonly generation: number;
    readonly operationId: string;
    readonly attempts: number;
    readonly result: string | null;
    readonly code: string | null;
  }[];
  readonly ledger: readonly Entry[];
  readonly events: readonly DecisionTold[];
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
    ['redriven', `${found.redrives} times`],
  ];
  const lives = found.lineage.flatMap(({ generation, operationId }) => [
    ...(found.lineage.length > 1 ? [`life ${generation}`] : []),
    ...attemptsOf(found.ledger.filter((entry) => entry.operationId === operationId)),
  ]);
  return [columns(head), ...lives, 'decisions', decisionsText(found.events, new Map([[found.deliveryId, found.channel]]))].join('\n');
}

function attemptsOf(ledger: readonly Entry[]): readonly string[] {
  return ledger
    .filter(({ kind }) => kind === 'intent')
    .map(({ attempt, at: startedAt }) => {
      const outcome = ledger.find((entry) => entry.kind === 'outcome' && entry.provider !== 'person' && entry.attempt === attempt);
      const { durationMs = null, result = null, failure } = outcome ?? {};
      return attemptLine({ attempt, startedAt, durationMs, result, code: failure?.code ?? null, message: failure?.message ?? null });
    });
}
