/** Why the pipeline did what it did, for a person, and what would have made it otherwise: by the rule that the event names. */
export interface Reason {
  readonly why: string;
  readonly changes: readonly { readonly change: string; readonly outcome: string }[];
}

const reason = (why: string, ...changes: readonly (readonly [change: string, outcome: string])[]): Reason => ({
  why,
  changes: changes.map(([change, outcome]) => ({ change, outcome })),
});

const LATER = 'sent at once';
const EMAIL_POLICY = 'EMAIL_UNKNOWN_POLICY';

/** The rules of the notifications themselves: what would have changed them is worked out from the facts, not told from here. */
export const RULE_REASONS: Readonly<Record<string, string>> = {
  due: 'It was due, and nothing spoke against it.',
  'critical-category': 'The person had switched this off, but nobody can switch off a critical category.',
  'quiet-hours.urgent': 'The person has quiet hours now, and what is urgent passes them.',
  'quiet-hours':
    'The person is not to be disturbed now: it waits until their quiet hours end, or expires where its expiresAt comes first. Not a failure; no retry is used up.',
  'preference.channel': 'The person has switched this channel off. Not a failure; it is not tried again.',
  'preference.category': 'The person has switched this category off for this channel. Not a failure; it is not tried again.',
  expiry: 'Its expiresAt had come before it could be sent. It is not tried again.',
};

/** Where a channel has a setting of its own: the sentences below name that of e-mail. */
const UNKNOWN_POLICIES: Readonly<Record<string, string>> = { sms: 'SMS_UNKNOWN_POLICY', push: 'PUSH_UNKNOWN_POLICY' };

/** What would have changed a decision of the pipeline's own, for a delivery through this channel. */
export function changesOf(rule: string, channel: string | undefined): Reason['changes'] {
  const policy = UNKNOWN_POLICIES[channel ?? ''] ?? EMAIL_POLICY;
  const named = (text: string): string => text.replaceAll(EMAIL_POLICY, policy);
  return (REASONS[rule]?.changes ?? []).map(({ change, outcome }) => ({ change: named(change), outcome: named(outcome) }));
}

/** The pipeline's own rules. */
export const REASONS: Readonly<Record<string, Reason>> = {
  'effect.done': reason('The provider took it.'),
  'effect.refused': reason(
    'It was refused for good, by the provider or before it was asked (the code says which): trying again could not have helped.',
    ['with an address and content that are allowed and that the provider takes', 'delivered'],
    ['with a refusal that may pass (a timeout, 429, 5xx, SMTP 4xx)', 'tried again after a while'],
  ),
  'retry.full-jitter': reason(
    'The attempt failed in a way that may pass: it is tried again after a random wait.',
    ['with another RETRY_BACKOFF_MS or RETRY_BACKOFF_MAX_MS', 'tried again sooner or later'],
    ['with a Retry-After in the provider’s answer', 'tried again no sooner than that'],
    ['with MAX_RETRY_ATTEMPTS used up, unless the answer was 429', 'a dead letter (retries.exhausted)'],
  ),
  'retry.after': reason(
    'The provider said how long to wait.',
    ['without a Retry-After in its answer', 'tried again after a random wait (RETRY_BACKOFF_MS)'],
    ['with MAX_RETRY_ATTEMPTS used up, unless the answer was 429', 'a dead letter (retries.exhausted)'],
  ),
  'retries.exhausted': reason(
    'Every attempt failed, and the retries are used up.',
    ['with a higher MAX_RETRY_ATTEMPTS', 'tried again'],
    ['with a provider that takes any of the attempts', 'delivered'],
  ),
  'throttles.exhausted': reason('The provider asked too often to slow down.', [
    'with a provider that takes it before it has answered 429 twenty times',
    'delivered',
  ]),
  'unknown.hold': reason(
    'It may or may not have arrived, and the provider can neither say nor tell a repeat: a person decides.',
    ['with EMAIL_UNKNOWN_POLICY=resend', 'sent again, perhaps for the second time'],
    ['with EMAIL_UNKNOWN_POLICY=assume-delivered', 'taken for delivered'],
    ['through a channel that absorbs repeats, such as webhook', 'sent again under the same operation id'],
  ),
  'unknown.assume-delivered': reason(
    'It may or may not have arrived, and the policy takes it for delivered.',
    ['with EMAIL_UNKNOWN_POLICY=hold', 'held for a person'],
    ['with EMAIL_UNKNOWN_POLICY=resend', 'sent again, perhaps for the second time'],
  ),
  'unknown.cancel-requested': reason('It may have arrived, and it was to be cancelled: a person decides.', [
    'without the wish to cancel it',
    'treated as any outcome that is unknown',
  ]),
  'unknown.retries-exhausted': reason(
    'Nobody could say what became of it, however often the provider was asked.',
    ['with an answer from the provider', 'delivered, or sent again'],
    ['with a higher MAX_RETRY_ATTEMPTS or RETRY_BACKOFF_MAX_MS', 'asked for longer'],
  ),
  'unknown.send-again': reason(
    'The attempt before has no outcome that we know of, and the provider can tell a repeat or has said that there was none, or the policy is to send again.',
    ['with a provider that cannot tell a repeat, and the policy hold', 'held for a person (unknown.hold)'],
  ),
  'claims.exhausted': reason(
    'It was claimed again and again without getting anywhere: it may kill its worker.',
    ['with a worker that lives through it', 'sent'],
    ['with a higher MAX_CLAIMS', 'claimed again'],
  ),
  'channel.missing': reason('No channel of this name is configured.', ['with the channel configured', 'sent']),
  'breaker.open': reason(
    'The provider failed too often in a row and is left alone for a while. No retry is used up.',
    ['with fewer failures in a row (BREAKER_FAILURES)', LATER],
    ['with a shorter BREAKER_OPEN_MS', 'looked at again sooner'],
  ),
  'provider.busy': reason('All connections to the provider were taken. No retry is used up.', ['with a connection free', LATER]),
  'rate.limited': reason(
    'The provider’s rate was used up: it has its turn in line. No retry is used up.',
    ['with a higher rate for the channel', 'sent sooner'],
    ['with less ahead of it in line', 'sent sooner'],
  ),
  'circumstances.unavailable': reason('What the person has chosen could not be read: it was given back. No retry is used up.', [
    'with a store that answers',
    LATER,
  ]),
  drain: reason('The process was going down and began nothing more. No retry is used up.', ['with a process that goes on', LATER]),
  'cancel.requested': reason('Somebody asked for it to be cancelled.', ['without the wish to cancel it', 'decided as any other']),
  'preferences.changed': reason('The person changed their preferences while it waited: it is decided anew.', [
    'without the change',
    'waiting until the quiet hours end that it was put off for',
  ]),
  'lease.expired': reason('Whoever held it left without a word: its lease ran out, and it can write nothing more.', [
    'with a worker that goes on renewing (HEARTBEAT_MS within LEASE_MS)',
    'left to that worker',
  ]),
  'workload.unknown': reason('This process does not know this kind of work.', ['with a process that knows it', 'worked on']),
  'resolve.delivered': reason('A person said that it had arrived.', ['with another answer', 'sent again, or a dead letter']),
  'resolve.resend': reason('A person had it sent again.', ['with another answer', 'taken for delivered, or a dead letter']),
  'resolve.dead': reason('A person gave it up.', ['with another answer', 'taken for delivered, or sent again']),
  'desk.redrive': reason('A person brought it back from the dead letters.', ['without that', 'still a dead letter']),
  'desk.discard': reason('A person ended it for good.', ['without that', 'still a dead letter']),
  'accept.new': reason('Accepted; no idempotency key came with it.'),
  'accept.idempotent': reason('Accepted under its idempotency key.'),
  'claim.due': reason('It was due, and a worker took it.'),
};
