import { emailChannel } from '../channels/email.js';
import { webhookChannel } from '../channels/webhook.js';
import type { Config } from '../config.js';
import type { Clock, Timers } from '../ports/clock.js';
import type { DevelopmentSink } from '../sink/development.js';

/** Loaded only where it is used: a production process does not carry it. */
export async function startSink(config: Config, clock: Clock, timers: Timers): Promise<DevelopmentSink> {
  const { startDevelopmentSink } = await import('../sink/development.js');
  return startDevelopmentSink({ clock, timers, keep: config.sinkKeep, secrets: config.webhookSecrets, smtpPort: config.sinkSmtpPort });
}

export function createChannels(config: Config, clock: Clock, timers: Timers, sinkSmtpPort: number | undefined) {
  const relay = config.smtpUrl === null ? { host: '127.0.0.1', port: sinkSmtpPort ?? 25 } : relayOf(config.smtpUrl);
  const email = emailChannel({ clock, timers, from: config.emailFrom, replyTimeoutMs: config.sendTimeoutMs, ...relay });
  const webhook = webhookChannel({
    clock,
    timers,
    secrets: config.webhookSecrets,
    requireHttps: config.production,
    allow: [...config.webhookAllow, ...(sinkSmtpPort === undefined ? [] : ownAddress(config.port))],
    headersTimeoutMs: config.sendTimeoutMs,
  });
  return { email, webhook };
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
