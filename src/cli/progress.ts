import { SingleBar } from 'cli-progress';

export type Step = (by?: number) => void;

/** A bar on standard error while the work goes on; drawn on a terminal only, the library itself sees to that. */
export async function withBar<T>(name: string, total: number, quiet: boolean, work: (step: Step) => Promise<T>): Promise<T> {
  const bar = new SingleBar({ format: `${name.padEnd(10)} {bar} {value}/{total}  {duration_formatted}`, hideCursor: true });
  if (!quiet) bar.start(total, 0);
  try {
    return await work((by = 1) => bar.increment(by));
  } finally {
    bar.stop();
  }
}
