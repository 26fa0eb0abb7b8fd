import { keySettings } from '../../../src/config/client-key.js';
import type { ServerName, Stage } from './stage.js';

/** The environment of every process of the fleet, but for what is its own (name, role, port). */
export function settingsOf(
  { sink, options, leaseMs, sendTimeoutMs }: Stage,
  addresses: Readonly<Record<ServerName, string>>,
): Readonly<Record<string, string>> {
  return {
    NODE_ENV: 'test',
    LOG_LEVEL: 'info',
    MONGODB_URI: withDatabase(addresses.mongodb),
    RABBITMQ_URL: addresses.rabbitmq,
    REDIS_URL: addresses.redis,
    NUM_API_INSTANCES: String(options.apis),
    NUM_WORKERS: String(options.workers),
    SINK: 'off',
    SMTP_URL: `smtp://127.0.0.1:${sink.smtpPort}`,
    SMS_URL: `${sink.httpUrl}/sink/sms`,
    SMS_EFFECT_CLASS: 'idempotent',
    PUSH_URL: `${sink.httpUrl}/sink/push`,
    PUSH_EFFECT_CLASS: 'idempotent',
    WEBHOOK_ALLOW: new URL(sink.httpUrl).host,
    LEASE_MS: String(leaseMs),
    SEND_TIMEOUT_MS: String(sendTimeoutMs),
    RETRY_BACKOFF_MS: '200',
    RETRY_BACKOFF_MAX_MS: '2000',
    // What is cut off in the middle by one crash after another must not use up its attempts.
    MAX_RETRY_ATTEMPTS: '20',
    MAX_CLAIMS: '20',
    ...keySettings(),
    ...options.settings,
  };
}

/** A database of the drill's own, with the user still looked up where users are. */
export function withDatabase(uri: string): string {
  const url = new URL(uri);
  if (url.pathname.length > 1) return uri;
  url.pathname = '/drill';
  if (url.username !== '' && !url.searchParams.has('authSource')) url.searchParams.set('authSource', 'admin');
  return url.href;
}
