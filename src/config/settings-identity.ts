import { integer, listOf, network, oneOf, optional, text } from './kind.js';
import { setting } from './setting.js';

/** Who may call the API, and how often. */
export const IDENTITY = {
  authRequired: setting({
    env: 'AUTH_REQUIRED',
    kind: oneOf('auto', 'on', 'off'),
    default: 'auto',
    doc: 'Whether a call of the API needs a key or token. auto: yes, except outside production on a HOST that only this machine reaches. off is refused in production; use it where something else keeps strangers out, such as ports that a container publishes on 127.0.0.1 alone.',
  }),
  adminApiKey: setting({
    env: 'ADMIN_API_KEY',
    kind: optional(text('32 to 512 printable characters without blanks', /^[!-~]{32,512}$/)),
    default: null,
    defaultText: 'none: keys are made with a key that has the scope admin',
    secret: true,
    doc: 'The first key: it may do everything, for all tenants, and is there to make other keys with. The same on all instances; may be taken away once there are others. Use 32 random bytes (openssl rand -base64 32).',
  }),
  jwtSecret: setting({
    env: 'JWT_SECRET',
    kind: optional(text('at least 32 characters', /^.{32,}$/)),
    default: null,
    defaultText: 'the embedded store makes one and keeps it in DATA_DIR; a fleet has none, and must be given one in production',
    secret: true,
    doc: 'Key that access tokens (JWT, HS256) are signed with, the same on all instances. Use 32 random bytes (openssl rand -base64 32).',
  }),
  rateLimitPerMinute: setting({
    env: 'RATE_LIMIT_PER_MINUTE',
    kind: integer(0, 10_000_000),
    default: (mode) => (mode === 'production' ? 6_000 : 0),
    defaultText: '0; in production 6000',
    doc: 'Requests that one caller (a key, or an address where none is needed) may make in a minute; past it 429 with Retry-After. 0: no limit.',
  }),
  rateLimitTenantPerMinute: setting({
    env: 'RATE_LIMIT_TENANT_PER_MINUTE',
    kind: integer(0, 10_000_000),
    default: 0,
    doc: 'The same for all callers of one tenant together. 0: no limit.',
  }),
  rateLimitIpPerMinute: setting({
    env: 'RATE_LIMIT_IP_PER_MINUTE',
    kind: integer(0, 10_000_000),
    default: (mode) => (mode === 'production' ? 12_000 : 0),
    defaultText: '0; in production 12000',
    doc: 'The same for one address (of IPv6 a /64), counted before anybody looks at a key. 0: no limit.',
  }),
  trustProxy: setting({
    env: 'TRUST_PROXY',
    kind: listOf('a list of loopback, linklocal, uniquelocal, addresses or CIDRs, e.g. 10.0.0.0/8', network()),
    default: [],
    defaultText: 'none: the address of a caller is that of the connection',
    doc: 'Comma-separated addresses of balancers whose X-Forwarded-For is believed. Behind one it must be set, or all callers have the address of the balancer.',
  }),
};
