import type { DeliveryFilter } from '../../ports/reader.js';

export type Stage = Readonly<Record<string, unknown>>;

/** The part of the desk that matches. */
export interface DeskPart {
  /** Documents that hold a row which matches. */
  readonly documents: Stage;
  /** What leaves those rows, each with its document, as `desk`. Whoever reads whole documents puts nothing before it. */
  readonly rows: readonly [Stage, Stage];
  /** Named, since servers without statistics of their own find all indexes alike. */
  readonly hint: string;
}

export const DESK = { newest: 'desk_newest', ofCause: 'desk_of_cause', ofCode: 'desk_of_code', ofUser: 'desk_of_user' } as const;

/** @param upTo with those that came to rest at this time, and none later */
export function deskPart(filter: DeliveryFilter, upTo?: number): DeskPart {
  const { tenant, status, workload, exceptWorkload, channel, fingerprint, code, userId, since, until } = filter;
  const row = given({ status, channel, fingerprint, code, settledAt: given({ $gte: since, $lt: until, $lte: upTo }) });
  const whose = given({ tenant, userId, workload: given({ $eq: workload, $ne: exceptWorkload }) });
  const ofRow = Object.fromEntries(Object.entries(row).map(([name, wanted]) => [`desk.${name}`, wanted]));
  return {
    // The status by itself says that the document is in the indexes, which hold nothing else; the rest is of one and the same row.
    documents: { ...whose, 'desk.status': status, desk: { $elemMatch: row } },
    rows: [{ $unwind: '$desk' }, { $match: ofRow }],
    hint: hintFor(filter),
  };
}

function hintFor({ fingerprint, userId, code }: DeliveryFilter): string {
  if (fingerprint !== undefined) return DESK.ofCause;
  if (userId !== undefined) return DESK.ofUser;
  return code === undefined ? DESK.newest : DESK.ofCode;
}

/** Without what was not asked for. */
function given(conditions: Stage): Stage {
  const asked = Object.entries(conditions).filter(([, wanted]) => wanted !== undefined && !isEmpty(wanted));
  return Object.fromEntries(asked);
}

function isEmpty(wanted: unknown): boolean {
  return typeof wanted === 'object' && wanted !== null && Object.keys(wanted).length === 0;
}
