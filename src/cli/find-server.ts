import { CliError } from './cli-error.js';

/** Where a server of one's own most likely is: `npm run start:dev` or the cluster's API, `npm start`, the stack's nginx. */
const USUAL = ['http://127.0.0.1:3001', 'http://127.0.0.1:3000', 'http://127.0.0.1:8080'] as const;
const PATIENCE_MS = 1000;

/** Whether a Signalbox answers there, and not just anything that listens. */
async function isLive(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return ((await response.json()) as { readonly status?: unknown }).status === 'live';
  } catch {
    return false;
  }
}

/** The first of the usual addresses at which a server answers, or null. */
export async function findServer(): Promise<string | null> {
  const live = await Promise.all(USUAL.map(isLive));
  return USUAL.find((_url, index) => live[index]) ?? null;
}

/** The address that was asked for, else the first that answers. @throws CliError when none does */
export async function serverUrl(given: string | undefined): Promise<string> {
  const url = given ?? (await findServer());
  if (url === null) throw new CliError(`no server answers at ${USUAL.join(', ')}: start one with npm start, or name it with --url`);
  return url;
}
