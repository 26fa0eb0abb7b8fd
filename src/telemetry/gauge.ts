import { Gauge, type Registry } from 'prom-client';

export type Sample<L extends string> = readonly [labels: Partial<Record<L, string>>, value: number];

/** A gauge that is asked at each scrape. While nobody answers it has no value: the last one would look as if it were still so. */
export function gaugeOf<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  ask: () => Promise<readonly Sample<L>[]>,
): void {
  const gauge: Gauge<L> = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const samples = await ask().catch((): readonly Sample<L>[] => []);
      if (labelNames.length > 0) gauge.reset();
      else gauge.remove();
      for (const [labels, value] of samples) gauge.set(labels, value);
    },
  });
}
