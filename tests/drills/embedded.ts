import { redriveDrill } from './redrive.js';
import { redriveScorecard } from './redrive-scorecard.js';
import { scorecard } from './scorecard.js';
import { type DrillOptions, workerCrash } from './worker-crash.js';

/** What a drill of one process with the embedded store may be told. */
interface Given extends Omit<DrillOptions, 'say'> {
  readonly items: number;
  readonly kills: number;
  readonly say: (line: string) => void;
}

interface EmbeddedDrill {
  readonly name: string;
  readonly about: string;
  /** Flags that it knows besides --seed and --dir. */
  readonly flags: readonly ('cycles' | 'rate' | 'items' | 'kills')[];
  readonly cycles: number;
  readonly rate: number;
  /** The exit status. */
  run(given: Given): Promise<number>;
}

/** Drills of one process with the embedded store. */
export const EMBEDDED: readonly EmbeddedDrill[] = [
  {
    name: 'embedded-worker-crash',
    about: 'kills the one server with SIGKILL under load, at random and at named moments, and starts it each time on the same data',
    flags: ['cycles', 'rate'],
    cycles: 10,
    rate: 200,
    async run(given) {
      given.say(`embedded-worker-crash: ${given.cycles} kills at ${given.rate} notifications/s, --seed ${given.seed}`);
      const result = await workerCrash(given);
      given.say(`\n${scorecard(result)}`);
      return result.failures.length === 0 ? 0 : 1;
    },
  },
  {
    name: 'redrive',
    about: 'redrives a desk full of dead letters as one operation and kills the server in the middle of it: each redriven exactly once',
    flags: ['items', 'kills'],
    cycles: 1,
    rate: 1,
    async run(given) {
      given.say(`redrive: ${given.items} dead letters, ${given.kills} kills, --seed ${given.seed}`);
      const result = await redriveDrill(given);
      given.say(`\n${redriveScorecard(result)}`);
      return result.failures.length === 0 ? 0 : 1;
    },
  },
];
