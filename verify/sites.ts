import type { Options } from './options.js';
import type { Site } from './site.js';
import { findCluster, openCluster } from './sites/cluster.js';
import { openCompose } from './sites/compose.js';
import { openEmbedded } from './sites/embedded.js';

/**
 * What is to be measured, started where need be.
 * @param build holds `dist/`
 * @throws Error in words for a person where it cannot be had
 */
export async function openSite(options: Options, root: string, build: string, say: (line: string) => void): Promise<Site> {
  switch (options.target) {
    case 'embedded':
      return openEmbedded(build);
    case 'cluster':
      return (await findCluster(root, options.key)) ?? (await openCluster(build, say));
    case 'compose':
      return openCompose(root, options.composeFile, options.key);
  }
}
