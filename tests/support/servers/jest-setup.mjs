/**
 * Before the tests: a keeper of servers listens on loopback, and starts what a test asks for when the first one asks.
 * What it is made of is loaded then, so a run that needs no server pays nothing.
 */
import { createServer } from 'node:http';
import { tsImport } from 'tsx/esm/api';

export default async function setup() {
  let keeper = null;
  const open = async () => {
    const { openKeeper } = await tsImport('./keeper.ts', import.meta.url);
    return openKeeper((line) => process.stderr.write(`${line}\n`));
  };
  const http = createServer((request, response) => {
    keeper ??= open();
    keeper
      .then((kept) => kept.ask(request.url.slice(1)))
      .catch((error) => ({ reason: String(error) }))
      .then((answer) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)));
  });
  await new Promise((resolve, reject) => http.once('error', reject).listen(0, '127.0.0.1', resolve));
  process.env['SIGNALBOX_TEST_KEEPER'] = `http://127.0.0.1:${http.address().port}`;
  globalThis.closeServers = async () => {
    http.closeAllConnections();
    http.close();
    if (keeper !== null) await (await keeper).close();
  };
}
