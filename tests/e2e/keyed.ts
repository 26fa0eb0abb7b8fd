import type { Answer, TestApp } from '../support/app.js';

export const ADMIN = 'ki7mX2pQ9sVb4tYz8WcR3nLf6HgJ1dKa0EuTo5ZxPlQs';
export const SECRET = '3Vb9xQ2mZk7Lr8Ts5Wf1Yh6Nc4Pd0JgAeUiOoRtXvNm';

/** Settings of a server that asks for a key. */
export const GUARDED = { AUTH_REQUIRED: 'on', ADMIN_API_KEY: ADMIN, JWT_SECRET: SECRET };

export interface Made {
  readonly keyId: string;
  readonly key: string;
}

export function bearer(credential: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${credential}` };
}

/** Makes a key of this tenant; with the scopes send and read unless others are named. */
export async function keyOf(app: TestApp, tenant: string, scopes: readonly string[] = ['send', 'read'], name = 'orders'): Promise<Made> {
  const made = await app.send<Made>('POST', '/api/v1/keys', { name, scopes, tenant }, bearer(ADMIN));
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  return made.body;
}

/** Calls a path of the table, with something in the place of its parameters. */
export function call(app: TestApp, method: string, path: string, credential: string | null): Promise<Answer> {
  const filled = path.replace(/:\w+/g, 'no-such-thing');
  return app.send(method.toUpperCase(), filled, method === 'get' ? undefined : {}, credential === null ? {} : bearer(credential));
}
