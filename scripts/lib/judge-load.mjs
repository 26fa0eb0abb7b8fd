/**
 * Judges a load that ran beside a fault by its ledgers alone: node scripts/lib/judge-load.mjs RESULT.json
 * Refusals and latencies are printed and may be what they are; a loss, a second effect or an open record may not.
 */
import { readFileSync } from 'node:fs';

const { figures } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { offered, accepted, delivered, errors, lost, violations, balance, repeats, latency } = figures;
console.log(`offered ${offered}, accepted ${accepted}, delivered ${delivered}, not accepted ${JSON.stringify(errors)}`);
console.log(`balance ${JSON.stringify(balance)}`);
console.log(`lost ${lost}, violations ${JSON.stringify(violations)}, repeats recognised ${repeats.recognised} of ${repeats.sent}`);
console.log(`latency ms: avg ${Math.round(latency.avg)}, p99 ${Math.round(latency.p99)}`);
const broken = Object.values(violations).reduce((sum, count) => sum + count, 0);
process.exitCode = accepted > 0 && lost === 0 && broken === 0 && balance.open === 0 ? 0 : 1;
