import { parseArgs } from 'node:util';
import { check } from './check.js';
import { readEvidence } from './ndjson.js';
import { table } from './table.js';

const USAGE = `Holds the evidence of a run against itself and prints the balance.

  node --import tsx tools/ledger/run.ts --answers FILE --seen FILE --kept FILE

Each flag may be repeated. Files are NDJSON; their fields are described in tools/ledger/entry.ts.
Exit status: 0 no violations, 1 violations, 2 the evidence cannot be read.`;

function main(): number {
  const many = { type: 'string', multiple: true, default: [] } as { type: 'string'; multiple: true; default: string[] };
  const { values } = parseArgs({ options: { answers: many, seen: many, kept: many, help: { type: 'boolean' } } });
  if (values.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const report = check(readEvidence(values));
  process.stdout.write(`${table(report)}\n`);
  return report.violations.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
