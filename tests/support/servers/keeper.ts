import { type Chosen, choose, type Server } from './choose.js';
import type { ServerName } from './recipe.js';

/** What the keeper answers: the server, or why there is none. */
export type Kept = { readonly server: Server } | { readonly reason: string };

/** Starts each server when the first one asks for it, and gives the same to all. */
export interface Keeper {
  ask(name: ServerName): Promise<Kept>;
  /** Stops all that it started. */
  close(): Promise<void>;
}

/** `tell` gets one line for each server. */
export function openKeeper(tell: (line: string) => void): Keeper {
  const chosen = new Map<ServerName, Promise<Chosen>>();
  return {
    async ask(name) {
      let one = chosen.get(name);
      if (one === undefined) {
        one = choose(name, tell);
        chosen.set(name, one);
        one.then(
          ({ server }) =>
            tell(`servers: ${name}: ${server.about}, ${server.origin}, at ${withoutSecrets(server.uri)} (${server.startMs} ms)`),
          (error: unknown) => tell(`servers: ${name}: none: ${reasonOf(error)}`),
        );
      }
      return one.then(
        ({ server }) => ({ server }),
        (error: unknown) => ({ reason: reasonOf(error) }),
      );
    },
    async close() {
      await Promise.allSettled([...chosen.values()].map(async (one) => (await one).release()));
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function withoutSecrets(uri: string): string {
  return uri.replace(/\/\/[^@/]*@/, '//');
}
