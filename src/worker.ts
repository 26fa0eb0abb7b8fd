import { run } from './wire/program.js';

/** A worker of a fleet: `dist/main.js` with everything but the API, unless ROLE says otherwise. */
await run({ ROLE: 'worker,scheduler,janitor' });
