import { anyText, integer, oneOf, optional, providerUrl, text } from './kind.js';
import { setting } from './setting.js';

const rate = (env: string, of: string) =>
  setting({
    env,
    kind: integer(0, 1_000_000),
    default: 0,
    defaultText: '0: no limit',
    doc: `${of} that may begin in a second, counted over the fleet where REDIS_URL is set, else in each process; up to a quarter of a second's worth (two at least) may begin at once. What must wait is put off in order, and no attempt is charged.`,
  });

const effectClass = (env: string, provider: string) =>
  setting({
    env,
    kind: optional(oneOf('idempotent', 'neither')),
    default: null,
    defaultText: 'neither; at the sink idempotent',
    doc: `Whether the ${provider} provider absorbs a repeat under the same Idempotency-Key (idempotent: what is in doubt is sent again) or not (neither: the unknown policy decides).`,
  });

const unknownPolicy = (env: string, provider: string) =>
  setting({
    env,
    kind: oneOf('hold', 'resend', 'assume-delivered'),
    default: 'hold',
    doc: `What to do with a message of which nobody knows whether the ${provider} provider took it, where it absorbs no repeat: hold for a person, resend (may arrive twice), or assume-delivered (may never arrive).`,
  });

const endpoint = (env: string, what: string, message: string) =>
  setting({
    env,
    kind: optional(providerUrl()),
    default: null,
    defaultText: 'the sink; where there is none the channel is off',
    secret: true,
    doc: `Where ${what} are posted to, as JSON ${message} with the header Idempotency-Key. In production https.`,
  });

const token = (env: string, provider: string) =>
  setting({
    env,
    kind: optional(text('1 to 4096 printable characters without blanks', /^[!-~]{1,4096}$/)),
    default: null,
    defaultText: 'none',
    secret: true,
    doc: `Bearer token for the ${provider} provider.`,
  });

/** SMS and push providers, the inbox, and how fast each kind of provider may be called. */
export const PROVIDERS = {
  smsUrl: endpoint('SMS_URL', 'SMS', '{to, from, text, ref}'),
  smsToken: token('SMS_TOKEN', 'SMS'),
  smsFrom: setting({
    env: 'SMS_FROM',
    kind: optional(anyText()),
    default: null,
    defaultText: 'none: the provider’s own',
    doc: 'Sender number or name of SMS.',
  }),
  smsEffectClass: effectClass('SMS_EFFECT_CLASS', 'SMS'),
  smsUnknownPolicy: unknownPolicy('SMS_UNKNOWN_POLICY', 'SMS'),
  pushUrl: endpoint('PUSH_URL', 'push notifications', '{token, title, body, data, ref}'),
  pushToken: token('PUSH_TOKEN', 'push'),
  pushEffectClass: effectClass('PUSH_EFFECT_CLASS', 'push'),
  pushUnknownPolicy: unknownPolicy('PUSH_UNKNOWN_POLICY', 'push'),
  emailRatePerSecond: rate('EMAIL_RATE_PER_SECOND', 'E-mails'),
  smsRatePerSecond: rate('SMS_RATE_PER_SECOND', 'SMS'),
  pushRatePerSecond: rate('PUSH_RATE_PER_SECOND', 'Push notifications'),
  webhookRatePerSecond: rate('WEBHOOK_RATE_PER_SECOND', 'Webhooks to one host'),
  inboxKeep: setting({
    env: 'INBOX_KEEP',
    kind: integer(1, 1_000_000),
    default: 1_000,
    doc: 'In-app notifications that each person’s inbox keeps; the oldest go first, read or not.',
  }),
  inboxStreamsMax: setting({
    env: 'INBOX_STREAMS_MAX',
    kind: integer(0, 100_000),
    default: 1_000,
    doc: 'Inbox streams (server-sent events) that may be open at a time; past it 503. One person has ten of them at most.',
  }),
};
