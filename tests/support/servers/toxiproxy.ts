import { join } from 'node:path';
import { serversDirectory } from './install.js';
import type { Recipe } from './recipe.js';

/** Toxiproxy: its address is that of its HTTP API; proxies are made through that, on ports that the caller chooses. */
export const toxiproxy: Recipe = {
  name: 'toxiproxy',
  morePorts: 0,
  readyWithinMs: 15_000,
  stopWithinMs: 5_000,
  about: async () => 'toxiproxy',
  uri: (port) => `http://127.0.0.1:${port}`,
  async prepare({ dataDir, ports }) {
    const argv: [string, ...string[]] = [join(serversDirectory(), 'bin/toxiproxy-server'), '-host', '127.0.0.1', '-port', String(ports[0])];
    return [{ argv, cwd: dataDir, env: {} }];
  },
  async ping(uri) {
    const answer = await fetch(`${uri}/version`, { signal: AbortSignal.timeout(2_000) });
    if (!answer.ok) throw new Error(`toxiproxy answered ${answer.status}`);
  },
  elsewhere: () => [],
};
