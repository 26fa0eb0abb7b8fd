import type { BackendOptions, Backends } from './backends.js';

/** Opens what the configuration names. The client libraries of the others are never loaded. */
export async function openBackends(options: BackendOptions): Promise<Backends> {
  return options.config.servers.mongodb === null ? openSole(options) : (await import('./cluster-backends.js')).openCluster(options);
}

async function openSole({ config, clock, timers, onFatal }: BackendOptions): Promise<Backends> {
  const { openEmbedded } = await import('../adapters/embedded/embedded.js');
  const { dataDir, inboxKeep, idempotencyTtlMs: streamRememberMs } = config;
  const embedded = await openEmbedded({ dataDir, inboxKeep, streamRememberMs, clock, timers, onFatal });
  const { probe, close, ...ports } = embedded;
  return {
    ...ports,
    kind: 'embedded',
    probes: { database: probe, messageQueue: () => embedded.queue.depth(), redis: null },
    connections: () => ({ open: 1, inUse: 1, limit: 1 }),
    share: () => {},
    close,
  };
}
