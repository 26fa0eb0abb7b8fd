import type { Balance } from '../../../tools/ledger/entry.js';
import type { Meant } from './referee.js';

/** What was sent and what became of it, as every other schedule tells it. */
export function balanceOf(meant: readonly Meant[], dead: ReadonlySet<string>): Balance {
  const answered = meant.filter((one) => one.answered);
  const stored = answered.filter((one) => one.stored > 0);
  const dying = answered.filter((one) => one.stored === 0 && dead.has(one.id));
  return {
    answeredRecords: answered.length,
    unansweredRecords: meant.length - answered.length,
    accepted: answered.length,
    delivered: stored.length,
    skipped: 0,
    expired: 0,
    cancelled: 0,
    dead: dying.length,
    held: 0,
    open: answered.length - stored.length - dying.length,
    effects: stored.length,
    absorbed: stored.reduce((sum, one) => sum + one.stored - 1, 0),
    overtaken: 0,
    uncertain: 0,
    resentByPerson: 0,
  };
}
