import type { UnknownPolicy, Workload } from '../../pipeline/workload.js';
import type { Channel, Effect } from '../../ports/channel.js';
import type { PeopleStore } from '../../ports/people.js';
import type { Delivery, WorkRecord } from '../../ports/record.js';
import type { NextWindow } from './quiet-hours.js';
import { type Circumstances, evaluate, expiresAt, factsOf, isWorthKeeping, payloadOf, type RuleSettings } from './rules.js';
import type { Unsubscription } from './unsubscribe.js';

export const NOTIFICATIONS = 'notifications';

interface Options extends RuleSettings {
  readonly channels: readonly Channel[];
  /** What becomes of an unknown outcome at a provider that cannot tell, by channel. Default: hold. */
  readonly unknownPolicies: Readonly<Partial<Record<string, UnknownPolicy>>>;
  readonly people: Pick<PeopleStore, 'get'>;
  /** Where the recipient of an e-mail of this category can say that they want no more of it. Left out: nowhere. */
  readonly unsubscribeUrl?: (of: Unsubscription) => string;
  /** The calendar of quiet hours. Left out: loaded with the first person who has some. */
  readonly nextWindow?: NextWindow;
}

const NOBODY: Circumstances = { person: null, nextWindow: null };

/** The notifications workload: what to send, through which channel, and what an unknown outcome means. */
export function notificationsWorkload(options: Options): Workload {
  const channels = new Map(options.channels.map((channel) => [channel.name, channel]));
  let { nextWindow } = options;

  const circumstances = async (record: WorkRecord): Promise<Circumstances> => {
    if (record.userId === null) return NOBODY;
    const person = await options.people.get({ tenant: record.tenant, userId: record.userId });
    if (person === null) return NOBODY;
    if (person.quietHours !== null) nextWindow ??= (await import('./quiet-hours.js')).createQuietCalendar();
    return { person, nextWindow: nextWindow ?? null };
  };

  return {
    name: NOTIFICATIONS,
    circumstances,
    decide(record, delivery, now, looked) {
      // What `circumstances` gave; null where it was not asked.
      const facts = factsOf(record, delivery, now, (looked as Circumstances | null) ?? NOBODY, options);
      const decision = evaluate(facts);
      return isWorthKeeping(facts) ? { ...decision, facts } : decision;
    },
    expiresAt,
    channel(delivery) {
      const channel = channels.get(delivery.channel);
      if (channel === undefined) throw new Error(`no channel ${delivery.channel}`);
      return channel;
    },
    effect: (record, delivery) => effectOf(record, delivery, options),
    onUnknown: (delivery) => options.unknownPolicies[delivery.channel] ?? 'hold',
  };
}

function effectOf(record: WorkRecord, delivery: Delivery, options: Options): Effect {
  const { subject, body, data, category } = payloadOf(record);
  return {
    operationId: delivery.operationId,
    tenant: record.tenant,
    recordId: record.id,
    userId: record.userId,
    recipient: delivery.recipient,
    subject,
    body,
    data,
    category,
    unsubscribeUrl: unsubscribeUrlOf(record, delivery, options),
    acceptedAt: record.createdAt,
    attempt: delivery.attempts,
    correlation: record.correlation,
  };
}

/** Only where an opt-out would hold: for e-mail to a person, and not for what is critical. */
function unsubscribeUrlOf(record: WorkRecord, { channel }: Delivery, options: Options): string | null {
  const { tenant, userId } = record;
  const { category } = payloadOf(record);
  if (channel !== 'email' || userId === null || options.criticalCategories.includes(category)) return null;
  return options.unsubscribeUrl?.({ tenant, userId, category }) ?? null;
}
