/** One server behind toxiproxy: what goes through may be slowed, lost, cut off. */
export interface ServerProxy {
  /** host:port to be used instead of the server's. */
  readonly address: string;
  /** Refuses connections and cuts those that are open, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Adds a toxic as toxiproxy names it, e.g. `latency` with `{ latency: 500, jitter: 200 }`; it stays until `clear`. */
  toxic(type: string, attributes: Readonly<Record<string, number>>, stream?: 'upstream' | 'downstream'): Promise<void>;
  /** Removes every toxic. */
  clear(): Promise<void>;
}

/** @param api where toxiproxy takes its orders; @param upstream host:port of the server */
export async function openProxy(api: string, name: string, upstream: string): Promise<ServerProxy> {
  const order = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${api}${path}`, {
      method,
      signal: AbortSignal.timeout(5_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? null : await response.json()) as T;
  };
  const { listen } = await order<{ readonly listen: string }>('POST', '/proxies', { name, upstream, listen: '127.0.0.1:0', enabled: true });
  const toxics: string[] = [];
  return {
    address: listen,
    down: () => order('POST', `/proxies/${name}`, { enabled: false }),
    up: () => order('POST', `/proxies/${name}`, { enabled: true }),
    async toxic(type, attributes, stream = 'downstream') {
      const toxic = `${type}-${toxics.length + 1}-${stream}`;
      await order('POST', `/proxies/${name}/toxics`, { name: toxic, type, stream, toxicity: 1, attributes });
      toxics.push(toxic);
    },
    async clear() {
      for (const toxic of toxics.splice(0)) await order('DELETE', `/proxies/${name}/toxics/${toxic}`);
    },
  };
}
