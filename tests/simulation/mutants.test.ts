import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configurationOf } from './configurations.js';
import { MUTANTS } from './mutants.js';

const ROOT = join(import.meta.dirname, '..', '..');

describe('the mutants', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s still fits the source, in one place',
    (_name, { patches, config }) => {
      for (const { file, search, replace } of patches) {
        expect(readFileSync(join(ROOT, file), 'utf8').split(search)).toHaveLength(2);
        expect(replace).not.toBe(search);
      }
      expect(configurationOf(config ?? 'normal')).toBeDefined();
    },
  );

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
