import type { Redis as Client } from 'ioredis';

/** What a server is set to, as far as it matters to us. */
export interface RedisFacts {
  readonly version: string;
  /** Bytes; 0: no limit. */
  readonly maxMemory: number;
  readonly maxMemoryPolicy: string;
  readonly appendOnly: boolean;
  /** One sentence each, saying what to set. */
  readonly warnings: readonly string[];
}

/** Asks the server by INFO, which also those answer that refuse CONFIG. */
export async function readFacts(client: Client): Promise<RedisFacts> {
  return factsOf(await client.info());
}

export function factsOf(info: string): RedisFacts {
  const values = new Map(
    info.split(/\r?\n/).flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
    }),
  );
  const facts = {
    version: values.get('redis_version') ?? 'unknown',
    maxMemory: Number(values.get('maxmemory') ?? 0),
    maxMemoryPolicy: values.get('maxmemory_policy') ?? 'unknown',
    appendOnly: values.get('aof_enabled') === '1',
  };
  const warnings: string[] = [];
  if (facts.maxMemory === 0) warnings.push('Redis has no maxmemory: set one, or a leak elsewhere takes the whole machine');
  if (facts.maxMemoryPolicy !== 'noeviction')
    warnings.push(`Redis evicts (maxmemory-policy ${facts.maxMemoryPolicy}): set noeviction, or rates and limits are forgotten under load`);
  if (!facts.appendOnly) warnings.push('Redis keeps nothing on disk (appendonly no): after its restart rates and limits count from zero');
  return { ...facts, warnings };
}
