import { recoveriesOf, type Waited } from '../recovery.js';
import type { Work } from '../work.js';
import { bodyOf, type MessageFindings, messageFindings } from './evidence.js';
import { MESSAGES, messages } from './load.js';
import { leftInStreams } from './servers.js';
import { streamOf } from './stream.js';

/** Messages: acknowledged when the log has them, then stored, each conversation in its order. */
export const MESSAGE_WORK: Work<MessageFindings> = {
  accepts: MESSAGES,
  offerOf: messages,
  async backlog(api) {
    const stream = await streamOf(api);
    if (stream === null) return null;
    const { depth } = stream;
    const sum = (of: (one: (typeof depth)[number]) => number): number => depth.reduce((all, one) => all + of(one), 0);
    return {
      open: sum(({ lag, pending, parked }) => lag + pending + parked),
      oldestDueMs: Math.max(0, ...depth.map(({ oldestMs }) => oldestMs)),
      depth: sum(({ lag }) => lag),
      unacked: sum(({ pending }) => pending),
    };
  },
  findings: messageFindings,
  judge(stage, findings) {
    const { report, audit, dead, histories, rows } = findings;
    const effects = rows.map(({ persistedAt }) => persistedAt);
    return {
      report,
      recoveries: recoveriesOf(stage.faults, waitedOf(findings), effects),
      failures: wrongWith(findings),
      rows: [
        ['conversations', histories.size],
        ['lost', audit.lost.length],
        ['doubled', audit.doubled.length],
        ['stored and never sent', audit.strangers.length],
        ['out of order', audit.disordered.length],
        ['dead letters in the end', dead.length],
      ],
    };
  },
  left: leftInStreams,
};

/** What must hold of messages whatever has happened to the fleet: a line for each thing that does not. */
export function wrongWith({ audit, dead, offers }: Pick<MessageFindings, 'audit' | 'dead' | 'offers'>): readonly string[] {
  const buried = new Set(dead.map(({ recordId }) => recordId));
  const ended = new Set(offers.filter(({ recordId }) => buried.has(recordId ?? '')).map(({ key }) => key));
  return [
    ...audit.lost.filter((key) => !ended.has(key)).map((key) => `${key} was answered and is in no history`),
    ...audit.doubled.map((id) => `${id} is there twice, or under another id than was answered`),
    ...audit.strangers.map((id) => `${id} was never sent, or not with this content`),
    ...audit.disordered.map((id) => `${id} stands behind one that was sent when it had been answered`),
    ...[...buried].map((id) => `${id} is a dead letter in the end`),
  ];
}

function waitedOf({ offers, rows }: Pick<MessageFindings, 'offers' | 'rows'>): readonly Waited[] {
  const storedAt = new Map(rows.map(({ clientMessageId, persistedAt }) => [clientMessageId, persistedAt]));
  return offers.map(({ body, offeredAt }) => ({ since: offeredAt, settledAt: storedAt.get(bodyOf(body).clientMessageId) ?? null }));
}
