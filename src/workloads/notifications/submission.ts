import type { FieldError } from '../../errors.js';
import type { Submission } from '../../pipeline/accept.js';
import type { Contacts } from '../../ports/people.js';
import type { Correlation } from '../../ports/record.js';
import { ADDRESS_OF, type NotificationPayload, type NotificationRequest, timeProblems } from './schema.js';
import { NOTIFICATIONS } from './workload.js';

/** Who sends it, and under which idempotency key. */
export interface Sender {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string | null;
  readonly correlation: Correlation;
}

/** Gives a number in E.164, or null where it is none. */
export type ReadPhone = (text: string) => string | null;

/** What a request is measured against besides itself: today's contacts, today's time. */
export interface Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Of the person that the request names; null where they have none, or {@link needsContacts} is false. */
  readonly contacts: Contacts | null;
  /** Null where {@link needsPhone} is false. */
  readonly readPhone: ReadPhone | null;
}

/**
 * A submission, complete if there are no problems. With problems it must not be stored; it serves only to find out
 * whether it repeats what was accepted when the surroundings were others.
 */
export interface Prepared {
  readonly submission: Submission;
  readonly problems: readonly FieldError[];
}

/** True where an address is missing that the person's contacts may have. */
export function needsContacts({ channels, to }: NotificationRequest): boolean {
  return channels.some((channel) => {
    const field = ADDRESS_OF[channel];
    return field !== null && to[field] === undefined;
  });
}

/** True where a phone number has to be read. */
export function needsPhone({ to }: NotificationRequest): boolean {
  return to.phone !== undefined;
}

/** One recipient's request as the pipeline takes it, with everything that is wrong with it. */
export function submissionOf(request: NotificationRequest, sender: Sender, surroundings: Surroundings): Prepared {
  const problems = timeProblems(request, surroundings.now);
  const payload: NotificationPayload = {
    category: request.category,
    subject: request.subject ?? null,
    body: request.body,
    data: request.data ?? null,
    scheduledFor: request.scheduledFor ?? null,
    expiresAt: request.expiresAt ?? null,
  };
  const to = { ...request.to };
  if (to.phone !== undefined) {
    const phone = surroundings.readPhone?.(to.phone) ?? null;
    if (phone === null) problems.push({ pointer: '/to/phone', detail: NOT_A_PHONE });
    else to.phone = phone;
  }
  const targets = request.channels.map((channel) => {
    const field = ADDRESS_OF[channel];
    if (field === null) return { channel, recipient: request.userId };
    const recipient = to[field] ?? surroundings.contacts?.[field];
    if (recipient === undefined) problems.push({ pointer: `/to/${field}`, detail: missing(channel) });
    return { channel, recipient: recipient ?? '' };
  });
  const submission: Submission = {
    workload: NOTIFICATIONS,
    ...sender,
    userId: request.userId,
    priority: request.priority,
    payload,
    targets,
    asked: askedOf(request),
    scheduledFor: request.scheduledFor === undefined ? null : Date.parse(request.scheduledFor),
  };
  return { submission, problems };
}

/** What has to be set for a channel to be there. Those that are left out always are. */
const SWITCHED_ON_BY: Readonly<Partial<Record<string, string>>> = { sms: 'SMS_URL', push: 'PUSH_URL' };

/** What is wrong with the channels asked for. `on`: those that this server has a way for. */
export function channelProblems(channels: readonly string[], on: ReadonlySet<string>): FieldError[] {
  return channels
    .filter((channel) => !on.has(channel))
    .map((channel) => {
      const why = SWITCHED_ON_BY[channel] === undefined ? '' : ` (${SWITCHED_ON_BY[channel]} is not set)`;
      return { pointer: '/channels', detail: `names ${channel}, which is switched off on this server${why}` };
    });
}

/** What is said of text that is no phone number. */
export const NOT_A_PHONE = 'must be a phone number that exists, in international form, e.g. +351 912 345 678';

function missing(channel: string): string {
  return `is needed by the channel ${channel}: the person has no such contact`;
}

/** The addresses as they were sent: neither today's contacts nor today's way to read a number may change what a repeat is. */
function askedOf({ channels, to, userId }: NotificationRequest): { channel: string; recipient?: string }[] {
  return channels.map((channel) => {
    const field = ADDRESS_OF[channel];
    const recipient = field === null ? userId : to[field];
    return recipient === undefined ? { channel } : { channel, recipient };
  });
}
