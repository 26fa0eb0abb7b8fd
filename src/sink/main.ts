import { parseArgs } from 'node:util';
import { createSystemClock } from '../adapters/system/system-clock.js';
import { createSystemTimers } from '../adapters/system/system-timers.js';
import { readEnvironment } from '../config/env-file.js';
import { readSettings } from '../config.js';
import { startStandaloneSink } from './standalone.js';

/**
 * The sink as a process of its own:
 *
 *     node --import tsx src/sink/main.ts --http-port 0 --smtp-port 0 [--ledger path] [--keep n] [--secret whsec_…]…
 *         [--host 0.0.0.0] [--address http://sink:3080]
 *
 * It listens on loopback, or where --host says; --address is where the senders reach it, if they do so by another name.
 * With --secrets-from-settings it checks signatures by WEBHOOK_SECRET, which no list of processes shows. Prints one line of
 * JSON with the real addresses once both listeners stand; ends on SIGTERM or SIGINT, and with a supervisor that is gone.
 */
const { values } = parseArgs({
  options: {
    'http-port': { type: 'string', default: '0' },
    'smtp-port': { type: 'string', default: '0' },
    ledger: { type: 'string' },
    keep: { type: 'string' },
    host: { type: 'string' },
    address: { type: 'string' },
    secret: { type: 'string', multiple: true, default: [] },
    'secrets-from-settings': { type: 'boolean', default: false },
  },
});

const standalone = await startStandaloneSink({
  clock: createSystemClock(),
  timers: createSystemTimers(),
  httpPort: Number(values['http-port']),
  smtpPort: Number(values['smtp-port']),
  secrets: values['secrets-from-settings'] ? readSettings(readEnvironment().variables).values.webhookSecrets : values.secret,
  ...(values.host === undefined ? {} : { host: values.host }),
  ...(values.address === undefined ? {} : { address: values.address }),
  ...(values.ledger === undefined ? {} : { ledgerPath: values.ledger }),
  ...(values.keep === undefined ? {} : { keep: Number(values.keep) }),
});

for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => void standalone.stop().then(leave));
if (process.connected) process.once('disconnect', () => void standalone.stop());
process.stdout.write(`${JSON.stringify({ httpUrl: standalone.httpUrl, smtpPort: standalone.smtpPort, pid: process.pid })}\n`);

/** An open channel to a supervisor would keep us alive. */
function leave(): void {
  if (process.connected) process.disconnect();
}
