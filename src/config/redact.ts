import type { AnySetting } from './settings.js';

const HIDDEN = '***';

/** A value as it may be shown: of a secret URL its scheme and host stay, of any other secret nothing, not even its length. */
export function redacted(setting: AnySetting, text: string): string {
  if (!setting.secret) return text;
  if (!URL.canParse(text)) return HIDDEN;
  const { protocol, host, username, password } = new URL(text);
  if (host === '') return HIDDEN;
  const credentials = username === '' && password === '' ? '' : `${HIDDEN}@`;
  return `${protocol}//${credentials}${host}`;
}
