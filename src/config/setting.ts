import type { Kind } from './kind.js';

export const MODES = ['development', 'test', 'production'] as const;

/** What `NODE_ENV` can be. */
export type Mode = (typeof MODES)[number];

/** One setting: all that the parser, the template, the reference and `config:check` know about it. */
export interface Setting<T> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Other names that are read when `env` is not set, in order. */
  readonly aliases: readonly string[];
  readonly kind: Kind<T>;
  readonly default: (mode: Mode) => T;
  /** The default in words, for the reference. */
  readonly defaultText: string;
  /** What stands after `NAME=` in the template. Empty (the default rules) where the default depends on something else. */
  readonly template: string;
  /** Never printed. */
  readonly secret: boolean;
  /** false: accepted and checked, but nothing in this version reads it; setting it gives a warning. */
  readonly live: boolean;
  /** Meaning and unit, for the template and the reference. */
  readonly doc: string;
}

interface Declaration<T> {
  readonly env: string;
  readonly aliases?: readonly string[];
  readonly kind: Kind<T>;
  readonly default: NoInfer<T> | ((mode: Mode) => NoInfer<T>);
  /** Needed where the default is a function, or would not read well. */
  readonly defaultText?: string;
  readonly secret?: true;
  readonly live?: false;
  readonly doc: string;
}

function plain(value: unknown): string {
  if (value === null) return '';
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** Declares a setting; its type follows from its kind. */
export function setting<T extends string | number | boolean | null | readonly string[]>(of: Declaration<T>): Setting<T> {
  const fixed = of.default;
  const constant = typeof fixed === 'function' ? '' : plain(fixed);
  return {
    env: of.env,
    aliases: of.aliases ?? [],
    kind: of.kind,
    default: typeof fixed === 'function' ? fixed : () => fixed,
    defaultText: of.defaultText ?? constant,
    // A setting that does nothing yet stays blank, or a copied template would warn about every one of them.
    template: of.live === false || of.secret === true ? '' : constant,
    secret: of.secret ?? false,
    live: of.live ?? true,
    doc: of.doc,
  };
}
