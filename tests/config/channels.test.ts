import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  SMTP_URL: 'smtp://relay:s3cret@mail.example.org:587',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

function errorsAbout(name: string, env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines.filter((line) => line.startsWith(name));
    throw error;
  }
  return [];
}

describe('The settings of SMS and push', () => {
  test.each(['SMS_URL', 'PUSH_URL'])('%s may be plain http in development, and not in production', (name) => {
    expect(errorsAbout(name, { [name]: 'http://10.0.0.7/messages' })).toEqual([]);
    expect(errorsAbout(name, { ...PRODUCTION, [name]: 'https://api.example.org/messages' })).toEqual([]);
    expect(errorsAbout(name, { ...PRODUCTION, [name]: 'HTTP://api.example.org/messages' })).toEqual([
      `${name}: is plain http, which shows messages and the token to everyone on the way; set https://…`,
    ]);
  });

  test.each(['ftp://x/', 'https://user:hunter2@api.example.org/', 'https://x/#part', 'api.example.org'])(
    'do not take %s for a provider',
    (url) => {
      const lines = errorsAbout('SMS_URL', { SMS_URL: url });
      expect(lines).toEqual(['SMS_URL: its value is not an http or https URL without user name, password and fragment']);
    },
  );

  test('are off without a provider, and a provider absorbs nothing unless it is said to', () => {
    expect(loadConfig({})).toMatchObject({
      smsUrl: null,
      pushUrl: null,
      smsEffectClass: null,
      smsUnknownPolicy: 'hold',
      smsRatePerSecond: 0,
    });
    expect(loadConfig({ PUSH_EFFECT_CLASS: 'idempotent' }).pushEffectClass).toBe('idempotent');
    expect(errorsAbout('SMS_EFFECT_CLASS', { SMS_EFFECT_CLASS: 'queryable' })).toHaveLength(1);
  });
});
