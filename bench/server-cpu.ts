import { readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/**
 * User and system time of these processes of a server so far, microseconds: with the children that each of them has outlived,
 * since a server may have a process for each connection.
 */
export function cpuOf(pids: readonly number[]): number {
  const ticks = pids.reduce((sum, pid) => sum + ticksOf(pid), 0);
  return (ticks * 1_000_000) / TICKS_A_SECOND;
}

function ticksOf(pid: number): number {
  try {
    // From the third field on; the second is a name that may hold blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return [11, 12, 13, 14].reduce((sum, place) => sum + Number(fields[place]), 0);
  } catch {
    // It has ended since it was listed; its time is its parent's now.
    return 0;
  }
}
