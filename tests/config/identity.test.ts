import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { weakness } from '../../src/config/secret-strength.js';
import { ConfigError, loadConfig } from '../../src/config.js';

const STRONG = 'hQ7rT2vXz0bNcJ5mW8sKd1FgLp4YaUeR6iOoHtVqSxE=';
const PRODUCTION = {
  NODE_ENV: 'production',
  SMTP_URL: 'smtp://relay:s3cret@mail.example.org:587',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  LINK_SECRET: 'l'.repeat(32),
};
const FLEET = { MONGODB_URI: 'mongodb://mongodb:27017/notifications', RABBITMQ_URL: 'amqp://rabbitmq:5672' };

function errors(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

const names = (env: NodeJS.ProcessEnv): readonly string[] => errors(env).map((line) => line.split(':')[0] ?? '');

describe('Whether a call needs a key', () => {
  test.each([
    [{}, false],
    [{ HOST: 'localhost' }, false],
    [{ HOST: '127.0.0.2' }, false],
    [{ HOST: '::1' }, false],
    [{ HOST: '0.0.0.0' }, true],
    [{ HOST: '192.168.1.5' }, true],
    [{ HOST: '0.0.0.0', AUTH_REQUIRED: 'off' }, false],
    [{ AUTH_REQUIRED: 'on' }, true],
    [PRODUCTION, true],
    [{ ...PRODUCTION, HOST: '127.0.0.1' }, true],
  ])('with %j: %s', (env, required) => {
    expect(loadConfig(env).authRequired).toBe(required);
  });

  test('cannot be switched off in production', () => {
    expect(names({ ...PRODUCTION, AUTH_REQUIRED: 'off' })).toEqual(['AUTH_REQUIRED']);
  });
});

describe('A secret', () => {
  test('of 32 random bytes is strong, however it is written', () => {
    for (let n = 0; n < 2000; n += 1) {
      const bytes = randomBytes(32);
      for (const form of ['hex', 'base64', 'base64url'] as const) expect(weakness(bytes.toString(form))).toBeNull();
    }
  });

  test.each([
    ['x'.repeat(64), 'repeats itself'],
    ['abcdefghij1234'.repeat(5), 'repeats itself'],
    [randomBytes(16).toString('hex'), 'cannot hold 32 random bytes'],
    [randomBytes(24).toString('base64'), 'cannot hold 32 random bytes'],
    ['1029384756574839201029384756574839201', 'cannot hold 32 random bytes'],
    ['your-super-secret-jwt-token-with-at-least-32-characters-long', 'is one that everybody knows'],
    ['change_me_in_production_or_else_something_bad_will_happen_Q7', 'is one that everybody knows'],
    ['signalbox-development-only-not-a-secret-0123456789ABCDEFGHIJ', 'is one that everybody knows'],
  ])('%s %s', (secret, why) => {
    expect(weakness(secret)).toBe(why);
  });

  test.each(['JWT_SECRET', 'ADMIN_API_KEY'])('%s must be strong in production, and is never shown', (name) => {
    const weak = 'correct-horse-battery-staple-77';
    const given = `${weak}-x`;
    expect(names({ ...PRODUCTION, [name]: given })).toEqual([name]);
    expect(errors({ ...PRODUCTION, [name]: given }).join()).not.toContain(weak);
    expect(names({ ...PRODUCTION, [name]: STRONG })).toEqual([]);
    expect(names({ [name]: given })).toEqual([]);
    expect(names({ [name]: 'short' })).toEqual([name]);
  });

  test('of tokens is asked for where several APIs must share it, and only there', () => {
    expect(names({ ...PRODUCTION, ...FLEET })).toEqual(['JWT_SECRET']);
    expect(names({ ...PRODUCTION, ...FLEET, JWT_SECRET: STRONG })).toEqual([]);
    expect(names({ ...PRODUCTION, ...FLEET, ROLE: 'worker,janitor' })).toEqual([]);
    expect(names(PRODUCTION)).toEqual([]);
    expect(names(FLEET)).toEqual([]);
  });
});

describe('Passwords that everybody knows', () => {
  const fleet = { ...PRODUCTION, ...FLEET, JWT_SECRET: STRONG };

  test('are all refused at once, each by the setting that holds it', () => {
    const env = {
      ...fleet,
      MONGODB_URI: 'mongodb://admin:admin@a:27017,b:27017/notifications?authSource=admin',
      RABBITMQ_USERNAME: 'guest',
      RABBITMQ_PASSWORD: 'guest',
      REDIS_URL: 'redis://:redis@cache:6379',
      JWT_SECRET: 'x'.repeat(40),
    };
    expect([...names(env)].sort()).toEqual(['JWT_SECRET', 'MONGODB_URI', 'RABBITMQ_PASSWORD', 'REDIS_URL']);
    expect(errors(env).join()).not.toContain('admin:admin');
  });

  test.each([
    { RABBITMQ_URL: 'amqp://guest:guest@127.0.0.1' },
    { RABBITMQ_URL: 'amqp://signalbox:Password1@h' },
    { RABBITMQ_URL: 'amqp://orders:orders@h' },
    { RABBITMQ_URL: 'amqp://orders:g%75est@h' },
    { MONGODB_URI: 'mongodb://root:example@h/n' },
    { REDIS_URL: 'redis://default:changeme@h' },
    { DIRECT_DATABASE_URL: 'mongodb://admin:admin123@h/n' },
  ])('also on loopback, in other letters, and as the user’s own name: %j', (env) => {
    expect(names({ ...fleet, ...env })).toEqual(Object.keys(env));
  });

  test('are no matter outside production, and a good one is none', () => {
    expect(names({ ...FLEET, RABBITMQ_URL: 'amqp://guest:guest@127.0.0.1' })).toEqual([]);
    expect(names({ ...fleet, RABBITMQ_URL: 'amqp://signalbox:Zk3vQ9tLw2@h', REDIS_URL: 'redis://:Zk3vQ9tLw2@h' })).toEqual([]);
  });
});

test('TRUST_PROXY takes names of networks, addresses and CIDRs', () => {
  expect(loadConfig({ TRUST_PROXY: 'loopback, uniquelocal,10.0.0.0/8,::1' }).trustProxy).toEqual([
    'loopback',
    'uniquelocal',
    '10.0.0.0/8',
    '::1',
  ]);
  for (const wrong of ['true', '10.0.0.0/33', 'nginx', '*']) expect(names({ TRUST_PROXY: wrong })).toEqual(['TRUST_PROXY']);
});
