/** The variable that every client of ours takes its key from; not the command line, which others on the machine can see. */
export const KEY_VARIABLE = 'SIGNALBOX_API_KEY';

function keyIn(env: NodeJS.ProcessEnv): string | null {
  const key = env[KEY_VARIABLE]?.trim() ?? '';
  return key === '' ? null : key;
}

/** What a client adds to each call: nothing where it was given no key. */
export function keyHeaders(env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const key = keyIn(env);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/** Settings for a server that a tool starts for itself: one that honours the key the tool sends, and asks for it. */
export function keySettings(env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const key = keyIn(env);
  return key === null ? {} : { ADMIN_API_KEY: key, AUTH_REQUIRED: 'on' };
}
