import { flag, integer, listOf, milliseconds, oneOf, optional, port, text, url, webhookSecret, webhookTarget } from './kind.js';
import { MODES, setting } from './setting.js';

/** Sender of e-mail where nothing else is set: it goes to the sink. */
export const DEVELOPMENT_SENDER = 'signalbox@localhost.localdomain';

/** Public, so that a first `npm start` signs webhooks that anyone can check; production refuses it. */
export const DEVELOPMENT_WEBHOOK_SECRET = 'whsec_c2lnbmFsYm94LWRldmVsb3BtZW50LW9ubHktbm90LWEtc2VjcmV0IQ==';

/** The process, its listener, and who may talk to it. */
export const PROCESS = {
  nodeEnv: setting({
    env: 'NODE_ENV',
    kind: oneOf(...MODES),
    default: 'development',
    doc: 'Mode of operation. production turns the strict checks on: no development secret, no sink, a mail relay that is really there.',
  }),
  port: setting({
    env: 'SERVER_PORT',
    aliases: ['PORT'],
    kind: port(),
    default: 3000,
    doc: 'Port of the HTTP API. 0: any free port, printed at start.',
  }),
  host: setting({
    env: 'HOST',
    kind: text('a host name or an IP address', /^[A-Za-z0-9.:_-]+$/),
    default: (mode) => (mode === 'production' ? '0.0.0.0' : '127.0.0.1'),
    defaultText: '127.0.0.1; in production 0.0.0.0',
    doc: 'Address the HTTP API listens on. Outside production only this machine can reach it unless you say otherwise.',
  }),
  logLevel: setting({
    env: 'LOG_LEVEL',
    kind: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
    doc: 'The least severe log line that is written. Log lines are JSON on standard output.',
  }),
  workerId: setting({
    env: 'WORKER_ID',
    kind: optional(text('1 to 128 letters, digits, dots, dashes, underscores or colons', /^[A-Za-z0-9._:-]{1,128}$/)),
    default: null,
    defaultText: 'host name and process id, e.g. web1-4711',
    doc: 'Name of this process in leases, logs, metrics and /health. Two processes must never share one.',
  }),
  drainTimeoutMs: setting({
    env: 'DRAIN_TIMEOUT_MS',
    kind: milliseconds(0),
    default: 10_000,
    doc: 'Milliseconds that work in flight may take to finish after SIGTERM or SIGINT; what is left is handed back.',
  }),
  corsOrigins: setting({
    env: 'CORS_ORIGINS',
    kind: listOf(
      'a list of origins, e.g. https://app.example.org,https://admin.example.org',
      text('an origin', /^(\*|https?:\/\/[^/\s,]+)$/),
    ),
    default: [],
    defaultText: 'none',
    doc: 'Comma-separated origins whose pages may call the API from a browser. None: no page of another origin may.',
  }),
  maxIngressBacklog: setting({
    env: 'MAX_INGRESS_BACKLOG',
    kind: integer(1, 100_000_000),
    default: 100_000,
    doc: 'Open records past which the API answers 429 with Retry-After instead of accepting more.',
  }),
  metricsToken: setting({
    env: 'METRICS_TOKEN',
    kind: optional(text('8 to 512 printable characters without blanks', /^[!-~]{8,512}$/)),
    default: null,
    defaultText: 'none: /metrics and /resources answer callers of private networks only, and none that came through a balancer',
    secret: true,
    doc: 'Bearer token that /metrics asks for, and with which /resources may be asked from anywhere.',
  }),
  sentryDsn: setting({
    env: 'SENTRY_DSN',
    kind: optional(text('a DSN, e.g. https://key@sentry.example.org/1', /^https?:\/\/[^\s:/@]+@[^\s/@]+(\/[^\s/]+)*\/\d+$/)),
    default: null,
    defaultText: 'none: errors are in the log only',
    secret: true,
    doc: 'Where each unexpected error is sent once, to Sentry or whatever speaks its protocol: its type, its code and where it was thrown, never what it says.',
  }),
};

/** Where effects go: mail, webhooks, and the sink that stands in for both during development. */
export const CHANNELS = {
  smtpUrl: setting({
    env: 'SMTP_URL',
    kind: optional(url('smtp:', 'smtps:')),
    default: null,
    defaultText: 'the sink; in production there is none and it must be set',
    secret: true,
    doc: 'Mail relay, e.g. smtp://user:password@mail.example.org:587 or smtps://… for TLS from the first byte.',
  }),
  emailFrom: setting({
    env: 'EMAIL_FROM',
    kind: text('an address such as no-reply@example.org', /^[^\s@<>,;:"']+@[^\s@<>,;:"']+$/),
    default: DEVELOPMENT_SENDER,
    doc: 'Sender address of e-mail.',
  }),
  emailUnknownPolicy: setting({
    env: 'EMAIL_UNKNOWN_POLICY',
    kind: oneOf('hold', 'resend', 'assume-delivered'),
    default: 'hold',
    doc: 'What to do with an e-mail of which nobody knows whether the relay took it (SMTP can neither be asked nor absorb a repeat): hold for a person, resend (may arrive twice), or assume-delivered (may never arrive).',
  }),
  webhookSecrets: setting({
    env: 'WEBHOOK_SECRET',
    kind: listOf('a list of secrets, each whsec_ followed by the base64 of 24 to 64 bytes', webhookSecret()),
    default: (mode) => (mode === 'production' ? [] : [DEVELOPMENT_WEBHOOK_SECRET]),
    defaultText: 'a public one for development; in production there is none and it must be set',
    secret: true,
    doc: 'Comma-separated secrets that sign webhooks (Standard Webhooks). Every request is signed with each of them: to rotate, put the new one first and drop the old one when all receivers know the new.',
  }),
  webhookAllow: setting({
    env: 'WEBHOOK_ALLOW',
    kind: listOf('a list of host:port or CIDR, e.g. hooks.internal:8080,10.1.0.0/16', webhookTarget()),
    default: [],
    defaultText: 'none',
    doc: 'Comma-separated exceptions to the rule that webhooks never reach loopback, private or link-local addresses.',
  }),
  sink: setting({
    env: 'SINK',
    kind: oneOf('auto', 'on', 'off'),
    default: 'auto',
    doc: 'The development receiver that shows what was sent instead of sending it. auto: on unless in production; on is refused in production.',
  }),
  sinkSmtpPort: setting({
    env: 'SINK_SMTP_PORT',
    kind: port(),
    default: 0,
    doc: 'Port on which the sink takes mail. 0: any free port.',
  }),
  sinkKeep: setting({
    env: 'SINK_KEEP',
    kind: integer(1, 1_000_000),
    default: 1_000,
    doc: 'How many received effects the sink remembers; the oldest go first.',
  }),
};

/** Switches that decide whether this process works at all. */
export const SWITCHES = {
  enableStreamConsumers: setting({
    env: 'ENABLE_STREAM_CONSUMERS',
    kind: flag(),
    default: true,
    doc: 'false: the API accepts and stores, and nothing is consumed until it is true again. For messages there is `signalbox stream pause` besides, which needs no restart.',
  }),
};
