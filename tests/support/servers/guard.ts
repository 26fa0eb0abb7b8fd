import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Nothing that we start outlives us, not even when we are killed: a small shell waits for the end of a pipe from us, and
 * then kills the process groups, removes the containers and deletes the directories that we named to it. It starts with the first of them.
 */
export interface Guard {
  watch(group: number): void;
  /** That group has ended. */
  forget(group: number): void;
  temporary(directory: string): void;
  /** That directory is deleted already. */
  kept(directory: string): void;
  container(id: string): void;
  /** That container is gone already. */
  removed(id: string): void;
}

const SCRIPT = fileURLToPath(new URL('./guard.sh', import.meta.url));

function guard(): Guard {
  let shell: ChildProcess | null = null;
  const say = (line: string): void => {
    if (shell === null) {
      shell = spawn('/bin/sh', [SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
      shell.unref();
      // A pipe of a child is a socket; it is not to keep us alive.
      (shell.stdin as unknown as { unref(): void }).unref();
    }
    shell.stdin?.write(`${line}\n`);
  };
  return {
    watch: (group) => say(`+ ${group}`),
    forget: (group) => say(`- ${group}`),
    temporary: (directory) => say(`d ${directory}`),
    kept: (directory) => say(`k ${directory}`),
    container: (id) => say(`c ${id}`),
    removed: (id) => say(`r ${id}`),
  };
}

export const watchdog: Guard = guard();
