import type { Redis as Client } from 'ioredis';

/** How a server keeps what is streamed through it. Null: it does not say (a hosted one may refuse CONFIG). */
export interface DurabilityFacts {
  readonly version: string;
  readonly maxMemoryPolicy: string | null;
  readonly appendOnly: string | null;
  readonly appendFsync: string | null;
  /** What keeps it from being trusted with accepted work, one sentence each, saying what to set. */
  readonly weaknesses: readonly string[];
}

export async function readDurability(client: Client): Promise<DurabilityFacts> {
  const info = await client.info();
  const value = (name: string): string | null => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
  const appendFsync = await configOf(client, 'appendfsync');
  const aof = value('aof_enabled');
  return judge({
    version: value('redis_version') ?? 'unknown',
    maxMemoryPolicy: value('maxmemory_policy'),
    appendOnly: aof === null ? null : aof === '1' ? 'yes' : 'no',
    appendFsync,
  });
}

/** The weaknesses of what was found. What a server does not say counts as weak: nobody can promise it. */
function judge(found: Omit<DurabilityFacts, 'weaknesses'>): DurabilityFacts {
  const wanted = [
    ['maxmemory-policy', found.maxMemoryPolicy, 'noeviction', 'accepted messages may be evicted'],
    ['appendonly', found.appendOnly, 'yes', 'accepted messages are gone after a restart'],
    ['appendfsync', found.appendFsync, 'always', 'what was accepted last is gone after a crash'],
  ] as const;
  const weaknesses = wanted
    .filter(([, value, good]) => value !== good)
    .map(([name, value, good, why]) => `The stream Redis has ${name} ${value ?? 'unknown'}: ${why}; set ${name} ${good}`);
  return { ...found, weaknesses };
}

async function configOf(client: Client, name: string): Promise<string | null> {
  try {
    const answer = (await client.config('GET', name)) as string[];
    return answer[1] ?? null;
  } catch (error) {
    // A server that refuses CONFIG; one that does not answer is another matter.
    if (error instanceof Error && error.name === 'ReplyError') return null;
    throw error;
  }
}
