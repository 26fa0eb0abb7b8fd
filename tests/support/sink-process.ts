import { join } from 'node:path';
import { startChild } from './child.js';

/** The receiver as a process of its own, which outlives the servers that send to it. */
export interface SinkProcess {
  readonly httpUrl: string;
  readonly smtpPort: number;
  /** Every effect, one JSON line each, in the order in which it was taken. */
  readonly ledgerFile: string;
  stop(): Promise<void>;
}

/** Starts it on free ports of loopback. `directory` holds `dist/` and gets the ledger. */
export async function startSinkProcess(directory: string): Promise<SinkProcess> {
  const ledgerFile = join(directory, 'sink-ledger.ndjson');
  const argv = [join(directory, 'dist/sink/main.js'), '--http-port', '0', '--smtp-port', '0', '--ledger', ledgerFile];
  const { child, said } = await startChild({ argv, cwd: directory, env: {}, logFile: join(directory, 'sink.log') }, (line) =>
    line.startsWith('{') ? (JSON.parse(line) as { readonly httpUrl: string; readonly smtpPort: number }) : null,
  );
  return {
    httpUrl: said.httpUrl,
    smtpPort: said.smtpPort,
    ledgerFile,
    async stop() {
      await child.stop();
    },
  };
}
