import { emailChannel } from '../channels/email.js';
import type { HttpProviderOptions } from '../channels/http-provider.js';
import { inAppChannel } from '../channels/in-app.js';
import { pushChannel } from '../channels/push.js';
import { smsChannel } from '../channels/sms.js';
import { webhookChannel } from '../channels/webhook.js';
import type { Config } from '../config.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { InboxKey, InboxStore } from '../ports/inbox.js';
import type { DevelopmentSink } from '../sink/development.js';

/** Loaded only where it is used: a production process does not carry it. */
export async function startSink(config: Config, clock: Clock, timers: Timers): Promise<DevelopmentSink> {
  const { startDevelopmentSink } = await import('../sink/development.js');
  return startDevelopmentSink({ clock, timers, keep: config.sinkKeep, secrets: config.webhookSecrets, smtpPort: config.sinkSmtpPort });
}

interface ChannelParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly inbox: InboxStore;
  /** Told of every new item of an inbox. */
  readonly arrived: (key: InboxKey) => void;
  readonly sink: DevelopmentSink | null;
  /** The port that we really listen on: known once we do, and before anything is sent. */
  readonly ownPort: () => number;
}

/** Every channel that this process has a way for. */
export function createChannels(parts: ChannelParts) {
  const { config, clock, timers, sink, inbox, arrived } = parts;
  const relay = config.smtpUrl === null ? { host: '127.0.0.1', port: sink?.smtpPort ?? 25 } : relayOf(config.smtpUrl);
  const email = emailChannel({
    clock,
    timers,
    from: config.emailFrom,
    replyTimeoutMs: config.sendTimeoutMs,
    ...rate(config.emailRatePerSecond),
    ...relay,
  });
  const webhook = webhookChannel({
    clock,
    timers,
    secrets: config.webhookSecrets,
    requireHttps: config.production,
    allow: [...config.webhookAllow, ...(sink === null ? [] : ownAddress(config.port))],
    headersTimeoutMs: config.sendTimeoutMs,
    ...rate(config.webhookRatePerSecond),
  });
  return { email, all: [email, webhook, ...providersOf(parts), inAppChannel({ inbox, arrived })] };
}

/** SMS and push: each at its provider, else at the sink, else not at all. */
function providersOf(parts: ChannelParts) {
  const { config } = parts;
  const sms = providerOf(parts, '/sink/sms', config.smsUrl, config.smsToken, config.smsEffectClass);
  const push = providerOf(parts, '/sink/push', config.pushUrl, config.pushToken, config.pushEffectClass);
  return [
    ...(sms === null ? [] : [smsChannel({ ...sms, from: config.smsFrom, ...rate(config.smsRatePerSecond) })]),
    ...(push === null ? [] : [pushChannel({ ...push, ...rate(config.pushRatePerSecond) })]),
  ];
}

function providerOf(
  { config, clock, timers, sink, ownPort }: ChannelParts,
  path: string,
  url: string | null,
  token: string | null,
  effectClass: 'idempotent' | 'neither' | null,
): HttpProviderOptions | null {
  const shared = { clock, timers, headersTimeoutMs: config.sendTimeoutMs };
  if (url !== null) return { ...shared, endpoint: () => url, token, effectClass: effectClass ?? 'neither' };
  if (sink === null) return null;
  const endpoint = (): string => `http://${ownHost(config.host)}:${ownPort()}${path}`;
  return { ...shared, endpoint, token: null, effectClass: effectClass ?? 'idempotent' };
}

/** Under which name we reach ourselves, listening on `host`. */
function ownHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function rate(perSecond: number): { readonly ratePerSecond?: number } {
  return perSecond === 0 ? {} : { ratePerSecond: perSecond };
}

/** The sink takes webhooks on our own port; with a port that is not known yet, all of this machine's loopback is let through. */
function ownAddress(port: number): readonly string[] {
  return port === 0 ? ['127.0.0.1/32'] : [`127.0.0.1:${port}`, `localhost:${port}`];
}

function relayOf(smtpUrl: string) {
  const url = new URL(smtpUrl);
  const secure = url.protocol === 'smtps:';
  const credentials = { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  return {
    host: url.hostname,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    ...(url.username === '' ? {} : { credentials }),
  };
}
