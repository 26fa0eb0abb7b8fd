import { ClusterError, clusterOptions, USAGE } from './options.js';
import { runCluster } from './run.js';

/** A supervisor of APIs and workers on this machine: `npm run cluster`. */
async function main(): Promise<number> {
  try {
    const options = clusterOptions(process.argv.slice(2));
    if (!options.help) return await runCluster(options);
    process.stdout.write(USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    for (const line of error.message.split('\n')) process.stderr.write(`cluster: ${line}\n`);
    return error.exitCode;
  }
}

process.exit(await main());
