import type { Row } from './rows.js';

const POSITIONS = 'the workload positions is not built yet';
const JOBS = 'the workload jobs is not built yet';
const IDENTITY = 'its check comes with identity';
const SOAK =
  'longer than a check: npm run soak -- --duration=1h --every=10m, and --duration=48h --every=1h; 48 virtual hours: npm run simulate -- --hours 48, which .ci/run does';
const BACKUP = 'backup and restore are not built yet';
const DEPLOYMENT = 'deployment and rollback are not built yet';
const DATA = 'retention, export and erasure are not built yet';
const OBSERVABILITY = 'traces are not built yet';
const PERSON = 'for a person to judge';

/** Why a row has no check yet: of the row itself, else of all whose ids begin so. */
export const REASONS: Readonly<Record<string, string>> = {
  'ALR-09': JOBS,
  'ALR-12': IDENTITY,
  'API-13': POSITIONS,
  'API-14': POSITIONS,
  'API-15': IDENTITY,
  'API-16': JOBS,
  'API-17': JOBS,
  'API-20': 'the OpenAPI document is not built yet',
  'BCK-': BACKUP,
  'CMD-15': BACKUP,
  'CMD-16': IDENTITY,
  'CMD-20': 'this command is it; writing the ticked checklists is not built yet',
  'DAT-09': IDENTITY,
  'DAT-10': JOBS,
  'DAT-11': DATA,
  'DAT-12': DATA,
  'DEP-': DEPLOYMENT,
  'DRL-03': JOBS,
  'DRL-11': BACKUP,
  'DRL-12': DEPLOYMENT,
  'DRL-13': IDENTITY,
  'ENV-23': 'there is no Postgres to give them to; DATABASE_URL: ENV-13',
  'ENV-27': 'measured by npm test: the conformance suites of tests/contracts run on each driver',
  'ENV-28': 'never used here',
  'ENV-29': JOBS,
  'ENV-30': JOBS,
  'ENV-34': 'tests/telemetry/error-tracking.test.ts: a collector of its own receives one event per error',
  'ENV-35': OBSERVABILITY,
  'ENV-36': 'accepted with a warning; the chat of alerts is ALERT_CHAT_URL: npm test -- tests/stack/receivers.test.ts',
  'ENV-37': JOBS,
  'ENV-38': 'measured by npm test: tests/pipeline/retry.test.ts',
  'ENV-42': 'measured by npm test: tests/config; the template and the reference: ENV-39',
  'FIL-10': DEPLOYMENT,
  'FIL-11': DEPLOYMENT,
  'FIL-16': DEPLOYMENT,
  'INF-02': 'needs a database as it will be provisioned',
  'INF-08': DEPLOYMENT,
  'INF-10': 'of messages: MSG-13',
  'INF-11': PERSON,
  'JOB-': JOBS,
  'LD-01': 'the full length: npm run load-test -- --duration=600 --rate=12 --users=10000; a short one: SLO-01',
  'LD-03': POSITIONS,
  'LD-04':
    'a peak is npm run load-test -- --rate=24; sustained and for leaks: npm run soak -- --duration=24h, 48h --every=1h, which fails on growing memory; time-scaled: npm run simulate -- --hours 48',
  'LD-05': 'load-test/history.jsonl keeps every run, of npm run load-test and npm run soak',
  'LOG-05':
    'measured by npm test -- tests/stack/logs.test.ts: the collector of docker-compose.logs.yml, on a real syslog-ng; lines of JSON: LOG-01',
  'LOG-06':
    'errors: npm test -- tests/telemetry/error-tracking.test.ts; what watches uptime asks /livez and /readyz: API-03; traces are not built yet',
  'LOG-07': 'phrases of streams and positions; "reconnect": REL-02',
  'LOG-08': IDENTITY,
  'MET-01': POSITIONS,
  'MET-02': POSITIONS,
  'MET-03': POSITIONS,
  'MSG-05': 'measured by npm test: tests/e2e/messages.test.ts',
  'POS-': POSITIONS,
  'QLT-01': 'measured by .ci/run',
  'QLT-02': PERSON,
  'QLT-03': DEPLOYMENT,
  'QLT-06': 'its check comes with deployment: a clean log after a start',
  'RBK-': DEPLOYMENT,
  'REL-10': BACKUP,
  'REL-12': JOBS,
  'SEC-06': IDENTITY,
  'SEC-07': DATA,
  'SEC-08': 'scans come with the continuous integration',
  'SEC-09': IDENTITY,
  'SEC-10': PERSON,
  'SLO-05': POSITIONS,
  'SLO-09': SOAK,
  'SLO-10': JOBS,
  'SLO-11': SOAK,
  'SLO-12': DEPLOYMENT,
  'X-17': JOBS,
  'X-18': 'clearing a queue is not built yet',
  'X-23': JOBS,
  'X-28': POSITIONS,
  'X-34': 'the OpenAPI document is not built yet',
  'X-35': BACKUP,
  'X-40': IDENTITY,
  'X-41': 'writing the ticked checklists is not built yet',
  'X-45': 'histograms of all five come with their workloads; accept to delivered: MET-11',
  'X-46': 'peak loads of all workloads come with them',
  'X-47': 'the template is generated: FIL-09',
  'X-48': PERSON,
  'X-49': DEPLOYMENT,
  'X-50': DEPLOYMENT,
};

/** Why it has no check yet. @throws Error where nobody says why */
export function reasonFor({ id }: Pick<Row, 'id'>): string {
  const reason = REASONS[id] ?? REASONS[id.slice(0, id.indexOf('-') + 1)];
  if (reason === undefined) throw new Error(`${id} has no check, and verify/reasons.ts does not say why`);
  return reason;
}
