import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { check } from '../../tools/ledger/check.js';
import { readEvidence, readLines } from '../../tools/ledger/ndjson.js';

describe('evidence from files', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-ledger-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it('is read from several files of each kind', () => {
    const line = (key: string): string => `${JSON.stringify({ tenant: 'a', key, status: 202, recordId: key, at: 1, expected: [] })}\n`;
    const kept = `${JSON.stringify({ tenant: 'a', id: 'one', status: 'delivered', deliveries: [], ledger: [] })}\n`;
    const evidence = readEvidence({
      answers: [file('a1', line('one')), file('a2', line('two'))],
      seen: [file('s', '')],
      kept: [file('k', kept)],
    });
    expect(check(evidence).violations.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual(['LOST a/two']);
  });

  it('drops the last line where its writer was killed in the middle of it', () => {
    expect(readLines(file('torn', '{"a":1}\n{"a":2}\n{"a'))).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('refuses a broken line anywhere else, naming its place', () => {
    expect(() => readLines(file('broken', '{"a":1}\n{"a\n{"a":3}\n'))).toThrow(/broken:2: not JSON/);
  });

  it('refuses a line without what the checker needs', () => {
    const paths = { answers: [file('answers', '{"key":"k"}\n')], seen: [], kept: [] };
    expect(() => readEvidence(paths)).toThrow(/answers:1: no field tenant/);
  });
});
