import { crc32 } from 'node:zlib';

/**
 * The partition of a key: the CRC-32 of its UTF-8 bytes, modulo the number of partitions. Never changes, on no machine and in no
 * version: entries that wait were placed by it. Doubling the number leaves a key where it is or moves it up by the old number.
 */
export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions;
}

/** An order key as text that compares as its parts do: an epoch, milliseconds (or a running number), a number within one of them. */
export function orderText(epoch: number, major: number | string, minor: number | string = 0): string {
  return `${String(epoch).padStart(6, '0')}-${String(major).padStart(15, '0')}-${String(minor).padStart(9, '0')}`;
}
