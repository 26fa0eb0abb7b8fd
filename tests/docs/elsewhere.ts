/** Run by the continuous integration around these tests: inside of them they would start themselves, or need a network. */
export const ELSEWHERE: ReadonlySet<string> = new Set([
  'npm install',
  'npm test',
  'npm audit',
  // On a cluster that runs: tests/cluster and tests/cli.
  'npm run workers:health -- --count 5',
  'npm run workers:health -- --count 10',
  'npm run workers:health -- --count 3',
  'npm run diag',
  // Of messages, on a server and on a fleet: tests/e2e/messages.test.ts and those beside it, tests/cli/message.test.ts.
  'curl -X POST http://localhost:3000/api/messages …',
  'curl http://localhost:3000/metrics/prometheus',
  'npx signalbox partition-of test_conv_001',
  'npx signalbox message history test_conv_001',
  // On a store that nobody has open: tests/cli/dedupe.test.ts.
  'npx signalbox dedupe',
  'npx signalbox dedupe --apply',
  // Six minutes of load; tests/load-test/messages.test.ts reads the file.
  'npm run load-test -- --workload=messages --file=load-test.yml',
  // The stack: scripts/stack-checklist.sh, but for what it has no time for, and for what never ends.
  'docker-compose up -d',
  'docker-compose ps',
  'docker-compose logs -f',
  'docker-compose down',
  'docker-compose -f docker-compose.scale.yml up -d',
  'docker-compose -f docker-compose.scale.yml up -d --scale worker=10',
  'npx signalbox scale 3',
  'bash scripts/stack-checklist.sh --smoke --keep',
  // API-23, when the stack is measured.
  'curl -X POST http://localhost:9090/-/reload',
  'npm run verify -- --target compose',
  'docker run -d ais-backend',
]);
