import { run } from './wire/program.js';

await run();
