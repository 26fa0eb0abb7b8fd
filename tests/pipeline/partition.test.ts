import { describe, expect, it } from '@jest/globals';
import { orderText, partitionOf } from '../../src/ports/partition.js';

describe('The partition of a key', () => {
  it('is what any tool can work out: CRC-32 of its bytes, and it never changes', () => {
    // `printf test_conv_001 | gzip -c | tail -c8 | head -c4 | od -An -tu4`
    expect(partitionOf('123456789', 2 ** 32)).toBe(0xcbf43926);
    expect(partitionOf('test_conv_001', 16)).toBe(partitionOf('test_conv_001', 2 ** 32) % 16);
    expect(partitionOf('Gespräch', 16)).toBe(partitionOf('Gespräch', 2 ** 32) % 16);
  });

  it('spreads keys that are numbered', () => {
    const counts = new Map<number, number>();
    for (let n = 0; n < 16_000; n += 1) {
      const partition = partitionOf(`conversation-${n}`, 16);
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    expect(counts.size).toBe(16);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('stays or moves up by the old number when there are twice as many', () => {
    for (let n = 0; n < 1000; n += 1) {
      const [before, after] = [partitionOf(`k${n}`, 16), partitionOf(`k${n}`, 32)];
      expect([before, before + 16]).toContain(after);
    }
  });
});

describe('An order key', () => {
  it('compares as text as its parts do as numbers', () => {
    const parts = [
      [1, '999', '9'],
      [1, '1000', '0'],
      [1, '1795395539585', '2'],
      [1, '1795395539585', '10'],
      [2, '5', '0'],
      [10, '1', '0'],
    ] as const;
    const texts = parts.map(([epoch, major, minor]) => orderText(epoch, major, minor));
    expect([...texts].sort()).toEqual(texts);
  });
});
