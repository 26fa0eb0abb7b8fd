import { once } from 'node:events';
import { connect, type SecureVersion } from 'node:tls';
import { SignJWT } from 'jose';
import { type Check, type Finding, hold, same } from '../check.js';
import type { World } from '../world.js';
import { judged, refused } from './settings.js';

const HANDSHAKE_MS = 5_000;

/** What a handshake with no more than this version ends in: the protocol that was agreed on, or what was said against it. */
export async function handshake(world: Pick<World, 'means' | 'note'>, { hostname, port }: URL, most: SecureVersion): Promise<string> {
  // Whether the certificate is to be believed is another matter: a stack on one machine has made its own.
  const socket = connect({
    host: hostname,
    port: Number(port || 443),
    servername: 'localhost',
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: most,
    // Else it is we who refuse the old ones.
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  socket.setTimeout(HANDSHAKE_MS * Math.max(world.means.patience, 0.1), () => socket.destroy(new Error('no handshake in time')));
  try {
    await once(socket, 'secureConnect');
    const { name, standardName } = socket.getCipher();
    const agreed = socket.getProtocol() ?? 'nothing';
    world.note({ handshake: most, agreed, cipher: standardName ?? name, until: socket.getPeerCertificate().valid_to });
    return agreed;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    world.note({ handshake: most, said });
    return said;
  } finally {
    socket.destroy();
  }
}

async function tls(world: World): Promise<Finding> {
  const { balancer } = world.site;
  hold(balancer !== null, 'a balancer', 'none');
  const secure = new URL(balancer.replace(/^http:/, 'https:'));
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const)
    same(await handshake(world, secure, version), version, `a handshake with ${version}`);
  const old = await handshake(world, secure, 'TLSv1.1');
  hold(!old.startsWith('TLS'), 'TLS 1.1 to be refused', old);
  const { status, headers } = await world.call(`${balancer}/api/v1/notifications`);
  hold(status === 308 && headers.get('location')?.startsWith('https://') === true, 'plain HTTP to be sent on to HTTPS', status);
  return {
    seen: 'TLS 1.3 and 1.2 at 443, 1.1 refused, plain HTTP is sent on with 308',
    open: 'to Redis and the store: the inner network alone (INF-06); at rest: the disk’s own encryption, by whoever provides it',
  };
}

const LONG = 'k3Vb9xQ2mZk7Lr8Ts5Wf1Yh6Nc4Pd0JgAeUiOoRtXvN';

function signed(secret: string): Promise<string> {
  const claims = { sub: 'verify', tenant: 'default', scope: 'read', aud: 'signalbox', exp: Math.floor(Date.now() / 1_000) + 60 };
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

/** Judged by the program, and asked of two instances that were given the same. */
async function jwtSecret(world: World): Promise<string> {
  refused({ JWT_SECRET: 'k3Vb9xQ2mZk7Lr8Ts5Wf1Yh6Nc4Pd0J' }, /^JWT_SECRET: /);
  const production = { NODE_ENV: 'production' };
  refused({ ...production, JWT_SECRET: 'changeme'.repeat(8) }, /^JWT_SECRET: its value /);
  refused({ ...production, JWT_SECRET: 'a'.repeat(64) }, /^JWT_SECRET: its value /);
  const { said } = judged({ ...production, JWT_SECRET: LONG });
  hold(!said.some((line) => line.startsWith('JWT_SECRET')), 'nothing to be said against one of its own', said);
  const settings = { AUTH_REQUIRED: 'on', JWT_SECRET: LONG };
  const instances = [await world.server(settings), await world.server(settings)];
  const [good, bad] = [await signed(LONG), await signed(`${LONG}x`)];
  for (const { url } of instances) {
    const status = async (token: string) =>
      (await world.call(`${url}/api/v1/notifications`, { headers: { authorization: `Bearer ${token}` } })).status;
    same([await status(good), await status(bad)], [200, 401], `a token signed with it, and one signed with another, at ${url}`);
  }
  return 'below 32 characters and, in production, well known or without entropy: refused; a token is good at two instances, one of another secret at none';
}

/** What keeps strangers from reading along. */
export const SECURITY: readonly Check[] = [
  { id: 'ENV-15', run: jwtSecret },
  { id: 'SEC-03', on: ['compose'], elsewhere: 'nginx speaks TLS: measured with --target compose', run: tls },
];
