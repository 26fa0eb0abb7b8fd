/**
 * Stands in for an API, a worker or the sink: listens, says what it was given, ends on SIGTERM. Files in the directory
 * FAKE change its ways: `<name>.refuse` (exit 2), `<name>.deaf` (heeds no signal).
 */
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const { WORKER_ID: name = 'sink', ROLE: role, FAKE: ways } = process.env;
const asked = (how) => existsSync(join(ways, `${name}.${how}`));

if (asked('refuse')) {
  console.error('signalbox: LEASE_MS: "x" is not a number');
  process.exit(2);
}
const server = createServer((request, response) => {
  if (request.url === '/die') process.kill(process.pid, 'SIGKILL');
  if (request.url === '/env') response.end(JSON.stringify(process.env));
  else response.end('{"status":"ready"}');
});
server.listen(Number(process.env.SERVER_PORT ?? process.env.HEALTH_CHECK_PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  if (role === undefined) console.log(JSON.stringify({ httpUrl: `http://127.0.0.1:${port}`, smtpPort: 2525 }));
  else console.log(JSON.stringify({ level: 'info', time: new Date().toISOString(), worker: name, msg: 'ready' }));
});
process.on('SIGTERM', () => {
  if (asked('deaf')) return;
  console.error(`${name} drains`);
  process.exit(0);
});
process.once('disconnect', () => process.exit(0));
