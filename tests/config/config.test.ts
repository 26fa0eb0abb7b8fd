import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  SMTP_URL: 'smtp://relay:s3cret@mail.example.org:587',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  LINK_SECRET: 'l'.repeat(32),
};

function errors(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

describe('The configuration', () => {
  test('is complete without a single variable', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({ leaseMs: 30_000, heartbeatMs: 10_000, workerBatchSize: 50, maxRetryAttempts: 3, dataDir: './data' });
    expect(config.workerId).toMatch(/^[A-Za-z0-9._:-]+-\d+$/);
  });

  test('tells of every error at once, a line each', () => {
    expect(errors({ PORT: 'abc', LEASE_MS: '1e3', LOG_LEVEL: 'loud', ENABLE_STREAM_CONSUMERS: 'maybe', INGRESS_MODE: 'later' })).toEqual([
      'SERVER_PORT: "abc" is not a port (0 to 65535); it comes from PORT',
      'LOG_LEVEL: "loud" is not one of fatal, error, warn, info, debug, trace, silent',
      'ENABLE_STREAM_CONSUMERS: "maybe" is not true or false',
      'LEASE_MS: "1e3" is not a whole number of milliseconds from 1000 to 3600000',
      'INGRESS_MODE: "later" is not one of queued, direct',
    ]);
  });

  test('says SERVER_PORT "abc" is no port', () => {
    expect(errors({ SERVER_PORT: 'abc' })).toEqual(['SERVER_PORT: "abc" is not a port (0 to 65535)']);
  });

  test.each(['65536', '-1', '3000.5', ' 0x10', '١٢'])('does not take %j for a port', (port) => {
    expect(errors({ SERVER_PORT: port })).toHaveLength(1);
  });

  test('takes PORT where SERVER_PORT is not set, and SERVER_PORT where both are', () => {
    expect(loadConfig({ PORT: '0' }).port).toBe(0);
    expect(loadConfig({ PORT: '1', SERVER_PORT: '2' }).port).toBe(2);
    expect(loadConfig({ PORT: '1', SERVER_PORT: '' }).port).toBe(1);
  });

  test('takes a variable that is set to nothing for one that is not set', () => {
    expect(loadConfig({ LEASE_MS: '', REDIS_URL: ' ' })).toMatchObject({ leaseMs: 30_000, warnings: [] });
  });

  test('keeps leases, heartbeats and timeouts in proportion', () => {
    expect(errors({ LEASE_MS: '10000', HEARTBEAT_MS: '5000', SEND_TIMEOUT_MS: '8000', LOCK_DURATION_MS: '9999' })).toEqual([
      'HEARTBEAT_MS: 5000 is not below half of LEASE_MS (10000); set it below 5000, or raise LEASE_MS',
      'LOCK_DURATION_MS: 9999 is below LEASE_MS (10000); set it to 10000 or more, or lower LEASE_MS',
      'SEND_TIMEOUT_MS: 8000 is not below 80 % of LEASE_MS (10000); set it below 8000, or raise LEASE_MS',
    ]);
    expect(errors({ LEASE_MS: '10000', HEARTBEAT_MS: '4999', SEND_TIMEOUT_MS: '7999', LOCK_DURATION_MS: '10000' })).toEqual([]);
  });

  test('does not judge by a default what could not be read', () => {
    expect(errors({ LEASE_MS: 'long', HEARTBEAT_MS: '40000' })).toHaveLength(1);
    expect(errors({ ...PRODUCTION, WEBHOOK_SECRET: 'whsec_short' })).toHaveLength(1);
  });

  test('refuses a longest wait below the base wait, and a retention below the promise to honour keys', () => {
    expect(errors({ RETRY_BACKOFF_MS: '10', RETRY_BACKOFF_MAX_MS: '9' })[0]).toMatch(/^RETRY_BACKOFF_MAX_MS: 9 is below/);
    expect(errors({ RECORD_RETENTION_DAYS: '6' })[0]).toMatch(/^RECORD_RETENTION_DAYS: 6 is shorter than the 7 days/);
  });
});

describe('A store or a broker that is not there', () => {
  test('is refused when POSTGRES_HOST names one', () => {
    expect(errors({ POSTGRES_HOST: 'host' })).toEqual(['POSTGRES_HOST: would not be used, there is no store for it; unset it']);
  });

  test.each([
    ['postgresql://u:hunter2@h/db', /Postgres is not built in; .* docs\/configuration\.md/],
    ['mysql://u:hunter2@h/db', /there is no store for mysql:/],
    ['file:', /must be followed by a directory/],
    ['file://elsewhere/data', /must be followed by a directory of this machine/],
  ])('is refused by the scheme of DATABASE_URL: %s', (url, expected) => {
    const lines = errors({ DATABASE_URL: url });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(expected);
    expect(lines[0]).not.toContain('hunter2');
  });

  test.each([
    ['file:./somewhere', './somewhere'],
    ['file:/var/lib/signalbox', '/var/lib/signalbox'],
    ['file:///var/lib/signalbox', '/var/lib/signalbox'],
    ['file://localhost/var/lib', '/var/lib'],
  ])('is not meant by DATABASE_URL %s: that is the directory', (url, directory) => {
    expect(loadConfig({ DATABASE_URL: url }).dataDir).toBe(directory);
  });

  test('is refused by driver name, while memory is another word for embedded', () => {
    expect(errors({ QUEUE_DRIVER: 'redis', STORE_DRIVER: 'postgres' })).toHaveLength(2);
    expect(loadConfig({ QUEUE_DRIVER: 'memory' }).servers).toEqual({ mongodb: null, rabbitmq: null, redis: null });
  });
});

describe('A fleet', () => {
  const FLEET = {
    MONGODB_URI: 'mongodb://m1:27017,m2:27017/notifications',
    RABBITMQ_URL: 'amqp://rabbitmq:5672',
    REDIS_URL: 'redis://redis:6379',
  };

  test('stands on MongoDB, RabbitMQ and Redis, with credentials from settings of their own where the URL has none', () => {
    const logins = { MONGODB_USERNAME: 'm', MONGODB_PASSWORD: 'p@ss', RABBITMQ_USERNAME: 'r', RABBITMQ_PASSWORD: 's', REDIS_PASSWORD: 't' };
    expect(loadConfig({ ...FLEET, ...logins }).servers).toEqual({
      mongodb: {
        uri: 'mongodb://m:p%40ss@m1:27017,m2:27017/notifications',
        directUri: 'mongodb://m:p%40ss@m1:27017,m2:27017/notifications',
      },
      rabbitmq: { url: 'amqp://r:s@rabbitmq:5672' },
      redis: { url: 'redis://:t@redis:6379' },
    });
    const own = loadConfig({ ...FLEET, RABBITMQ_URL: 'amqp://x:y@h', RABBITMQ_USERNAME: 'r', RABBITMQ_PASSWORD: 's' });
    expect(own.servers.rabbitmq).toEqual({ url: 'amqp://x:y@h' });
  });

  test('finds MongoDB by DATABASE_URL, and Redis by host and port', () => {
    const { servers } = loadConfig({
      DATABASE_URL: FLEET.MONGODB_URI,
      RABBITMQ_URL: FLEET.RABBITMQ_URL,
      REDIS_HOST: '::1',
      REDIS_PORT: '6380',
    });
    expect(servers).toMatchObject({ mongodb: { uri: FLEET.MONGODB_URI }, redis: { url: 'redis://[::1]:6380' } });
  });

  test('is refused where its processes would share one thing and not the other', () => {
    expect(errors({ MONGODB_URI: FLEET.MONGODB_URI })).toEqual([expect.stringMatching(/^MONGODB_URI: .* set RABBITMQ_URL/)]);
    expect(errors({ RABBITMQ_URL: FLEET.RABBITMQ_URL })).toEqual([expect.stringMatching(/^RABBITMQ_URL: .* set MONGODB_URI/)]);
    expect(errors({ REDIS_HOST: 'redis' })).toEqual([expect.stringMatching(/^REDIS_URL: .* set MONGODB_URI/)]);
    expect(errors({ STORE_DRIVER: 'mongodb', QUEUE_DRIVER: 'rabbitmq' })).toHaveLength(2);
    expect(errors({ ...FLEET, DATABASE_URL: 'file:./data' })).toEqual([expect.stringMatching(/^DATABASE_URL: names another store/)]);
  });

  test('divides its roles, which one process with the embedded store cannot', () => {
    expect([...loadConfig({}).roles]).toEqual(['api', 'worker', 'scheduler', 'janitor']);
    expect([...loadConfig({ ...FLEET, ROLE: 'worker, scheduler' }).roles]).toEqual(['worker', 'scheduler']);
    expect(errors({ ROLE: 'worker' })).toEqual([expect.stringMatching(/^ROLE: worker leaves work to other processes/)]);
    expect(errors({ ...FLEET, ROLE: 'all,api' })).toEqual([expect.stringMatching(/^ROLE: "all,api" is not all, or a list of/)]);
  });

  test('warns about a batch that cannot fill, about settings that are not used, and where nothing is shared', () => {
    const { warnings } = loadConfig({ ...FLEET, REDIS_URL: '', WORKER_BATCH_SIZE: '50', PREFETCH_COUNT: '10', DATA_DIR: './data' });
    expect(warnings.map((line) => line.split(':')[0])).toEqual(['DATA_DIR', 'REDIS_URL', 'WORKER_BATCH_SIZE']);
  });

  test('is refused in production with a password that everybody knows', () => {
    expect(
      errors({ ...PRODUCTION, ...FLEET, JWT_SECRET: 'hQ7rT2vXz0bNcJ5mW8sKd1FgLp4YaUeR6iOoHtVqSxE=', RABBITMQ_URL: 'amqp://guest:guest@h' }),
    ).toEqual([expect.stringMatching(/^RABBITMQ_URL: has a password that everybody knows/)]);
  });
});

describe('Production', () => {
  test('starts with a relay and a secret, without a sink, on all addresses, with a rate limit', () => {
    expect(loadConfig(PRODUCTION)).toMatchObject({ production: true, sink: false, host: '0.0.0.0', rateLimitPerMinute: 6_000 });
  });

  test('refuses to start without them', () => {
    expect(errors({ NODE_ENV: 'production' }).map((line) => line.split(':')[0])).toEqual(['SMTP_URL', 'WEBHOOK_SECRET', 'LINK_SECRET']);
  });

  test('refuses the development secret even behind a good one, the sink, and every origin', () => {
    const known = loadConfig({}).webhookSecrets[0] ?? '';
    const knownLink = loadConfig({}).linkSecrets[0] ?? '';
    const env = {
      ...PRODUCTION,
      WEBHOOK_SECRET: `${PRODUCTION.WEBHOOK_SECRET},${known}`,
      LINK_SECRET: `${PRODUCTION.LINK_SECRET},${knownLink}`,
      SINK: 'on',
      CORS_ORIGINS: '*',
    };
    expect(errors(env).map((line) => line.split(':')[0])).toEqual(['WEBHOOK_SECRET', 'LINK_SECRET', 'SINK', 'CORS_ORIGINS']);
  });

  test('warns of links that no recipient can follow, and of a sender whom no relay believes', () => {
    expect(loadConfig(PRODUCTION).warnings).toEqual([expect.stringMatching(/^PUBLIC_URL: /), expect.stringMatching(/^EMAIL_FROM: /)]);
    const said = { PUBLIC_URL: 'https://notify.example.org/signalbox', EMAIL_FROM: 'no-reply@example.org' };
    expect(loadConfig({ ...PRODUCTION, ...said }).warnings).toEqual([]);
  });

  test.each(['ftp://x', 'https://x/', 'https://x/?a=b', 'https://x/a/', 'https://u:p@x', 'https://x/#a', "https://x/'", 'x'])(
    'links cannot begin with %s',
    (url) => {
      expect(errors({ PUBLIC_URL: url })).toHaveLength(1);
    },
  );

  test.each(['too short', 'a'.repeat(31), `${'a'.repeat(40)} b`])('a link secret is long and without blanks, unlike %s', (secret) => {
    expect(errors({ LINK_SECRET: secret })).toHaveLength(1);
    expect(errors({ LINK_SECRET: secret })[0]).not.toContain(secret);
  });
});

describe('A secret', () => {
  test('never stands in an error', () => {
    const secret = 'hunter2-hunter2';
    const env = {
      SMTP_URL: `http://${secret}`,
      WEBHOOK_SECRET: secret,
      JWT_SECRET: secret,
      METRICS_TOKEN: `${secret} ${secret}`,
      SENTRY_DSN: secret,
    };
    const lines = errors(env);
    expect(lines).toHaveLength(5);
    expect(lines.join('\n')).not.toContain(secret);
  });

  test('of something this version does not use is warned about and not carried along', () => {
    const config = loadConfig({ SUPABASE_SERVICE_ROLE_KEY: 'hunter2', DD_API_KEY: 'hunter2-too', DATABASE_URL: 'file:./d' });
    expect(config.warnings).toEqual([
      'SUPABASE_SERVICE_ROLE_KEY: is set but has no effect in this version',
      'DD_API_KEY: is set but has no effect in this version',
    ]);
    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(Object.keys(config)).not.toContain('databaseUrl');
  });

  test('for webhooks may be a list, so that it can be rotated', () => {
    const second = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
    expect(loadConfig({ ...PRODUCTION, WEBHOOK_SECRET: `${second}, ${PRODUCTION.WEBHOOK_SECRET}` }).webhookSecrets).toEqual([
      second,
      PRODUCTION.WEBHOOK_SECRET,
    ]);
  });
});

describe('A list', () => {
  test.each(['10.1.0.0/16', 'fd00::/8', 'localhost:8080', '[::1]:9000', '10.0.0.5:80'])('of webhook exceptions takes %s', (target) => {
    expect(loadConfig({ WEBHOOK_ALLOW: ` ${target} ,` }).webhookAllow).toEqual([target]);
  });

  test.each(['10.1.0.0/33', 'localhost', 'localhost:0', 'http://localhost:80', '::1:9000'])(
    'of webhook exceptions refuses %s',
    (target) => {
      expect(errors({ WEBHOOK_ALLOW: `10.0.0.0/8,${target}` })).toHaveLength(1);
    },
  );

  test('of origins takes origins, not pages', () => {
    expect(loadConfig({ CORS_ORIGINS: 'https://a.example,http://localhost:5173' }).corsOrigins).toHaveLength(2);
    expect(errors({ CORS_ORIGINS: 'https://a.example/page' })).toHaveLength(1);
  });
});
