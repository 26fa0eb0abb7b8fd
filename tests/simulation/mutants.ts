import { PEOPLE_MUTANTS } from './mutants-people.js';
import { PIPELINE_MUTANTS } from './mutants-pipeline.js';
import { STORE_MUTANTS } from './mutants-store.js';
import { STREAM_MUTANTS } from './mutants-stream.js';

/** A way to break the protocol on purpose. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** What goes wrong in production when this is so. */
  readonly why: string;
  /** The configuration in which it shows; `normal` where the referee sees it with every net on. */
  readonly config?: string;
}

/** A textual change; `search` must be in the file exactly once, so that a mutant cannot rot unseen. */
export interface Patch {
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [...PIPELINE_MUTANTS, ...PEOPLE_MUTANTS, ...STORE_MUTANTS, ...STREAM_MUTANTS];
