import { describe, expect, test } from '@jest/globals';
import { scale, scaleArguments, workersIn } from '../../src/cli/scale.js';
import { signalbox } from './capture.js';

/** How many containers each service is to have, by the arguments of `docker-compose up`. */
function countsIn(args: readonly string[]): Readonly<Record<string, number>> {
  const pairs = args.flatMap((word, at) => (args[at - 1] === '--scale' ? [word.split('=')] : []));
  return Object.fromEntries(pairs.map(([name = '', count]) => [name, Number(count)]));
}

/** As the engine says it; of one that does not run, the health that it had last. */
const STATUS: Readonly<Record<string, string>> = { killed: 'exited' };

/** An engine with so many workers in these states, which notes what it was told. */
function engineWith(states: readonly string[]) {
  const told: string[] = [];
  const run = (program: string, args: readonly string[]): Promise<string> => {
    told.push([program, ...args].join(' '));
    if (args[0] === 'inspect') return Promise.resolve(states.map((state) => `${STATUS[state] ?? 'running'} ${state}\n`).join(''));
    if (args.includes('ps')) return Promise.resolve(states.map((_state, at) => `id-${at}\n`).join(''));
    return Promise.resolve('2.40.3\n');
  };
  return { run, told };
}

const OPTIONS = { file: 'docker-compose.scale.yml', within: 0 };

describe('signalbox scale', () => {
  test.each([
    [0, 0, 0],
    [3, 3, 0],
    [5, 5, 0],
    [12, 5, 7],
    [25, 5, 20],
  ])('%i workers are %i named ones and %i of the elastic service', (workers, named, elastic) => {
    const { worker, ...others } = countsIn(scaleArguments(workers));
    expect(Object.values(others).reduce((sum, count) => sum + count, 0)).toBe(named);
    expect(worker).toBe(elastic);
  });

  test('it succeeds when exactly so many are healthy', async () => {
    const { run, told } = engineWith(['healthy', 'healthy']);
    expect(await scale(2, OPTIONS, run)).toBe(true);
    expect(told.some((line) => line.startsWith('docker compose -f docker-compose.scale.yml up -d --no-deps'))).toBe(true);
  });

  test.each([
    ['one is not well', ['healthy', 'starting']],
    ['one is missing', ['healthy']],
    ['one is too many', ['healthy', 'healthy', 'healthy']],
  ])('it fails when %s', async (_case, states) => {
    expect(await scale(2, OPTIONS, engineWith(states).run)).toBe(false);
  });

  test('one that was killed is none, as compose 2 has it and compose 1.29 has not', async () => {
    expect(await workersIn('docker-compose.scale.yml', engineWith(['healthy', 'killed', 'starting']).run)).toBe(2);
    expect(await scale(1, OPTIONS, engineWith(['healthy', 'killed']).run)).toBe(true);
  });

  test('what is no number of workers is not understood', async () => {
    expect((await signalbox('scale', '26')).code).toBe(2);
    expect((await signalbox('scale', 'many')).code).toBe(2);
  });
});
