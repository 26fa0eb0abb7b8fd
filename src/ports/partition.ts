import { crc32 } from 'node:zlib';

/**
 * The partition of a key: the CRC-32 of its UTF-8 bytes, modulo the number of partitions. Never changes, on no machine and in no
 * version: entries that wait were placed by it. Doubling the number leaves a key where it is or moves it up by the old number.
 */
export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions;
}

/** Digits of each part: an epoch, milliseconds since the epoch (or a running number), a number within one millisecond. */
const DIGITS = [6, 15, 9] as const;

/** An order key as text that compares as its parts do. */
export function orderText(epoch: number, major: number | string, minor: number | string = 0): string {
  return [epoch, major, minor].map((part, n) => String(part).padStart(DIGITS[n] ?? 0, '0')).join('-');
}
