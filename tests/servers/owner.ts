/** A process that has a server of its own, says which, and waits to be killed. */
import { startOwn } from '../support/servers/own.js';

const own = await startOwn('redis');
console.log(JSON.stringify({ pids: await own.pids(), dataDir: own.dataDir }));
setInterval(() => {}, 1_000);
