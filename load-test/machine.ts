import { cpus } from 'node:os';

/** What the run was made on, in a few words. */
export function machineName(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${process.platform} ${process.arch}`;
}
