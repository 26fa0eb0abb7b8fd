import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { business } from './dashboards/business.js';
import { messages } from './dashboards/messages.js';
import { notifications } from './dashboards/notifications.js';
import { overview } from './dashboards/overview.js';
import { dashboard } from './dashboards/panels.js';
import { runbook } from './dashboards/runbook.js';
import { slo } from './dashboards/slo.js';
import { workers } from './dashboards/workers.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = 'grafana/dashboards';
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana that puts something in its place.
const IMPORTED = '${DS_PROMETHEUS}';

/**
 * The same dashboard for Dashboards → Import, which asks for the data source. Another uid: who has both, as provisioned and by
 * hand, has two.
 */
function forImport(board: Dashboard, uid: string, title: string): object {
  const templating = { list: (board.templating?.list ?? []).filter(({ name }) => name !== 'datasource') };
  const text = JSON.stringify({ ...board, templating, uid, title });
  const { links: _links, ...rest } = JSON.parse(text.replaceAll('$datasource', IMPORTED)) as Dashboard;
  const input = {
    name: 'DS_PROMETHEUS',
    label: 'Prometheus',
    description: '',
    type: 'datasource',
    pluginId: 'prometheus',
    pluginName: 'Prometheus',
  };
  const needs = [
    { type: 'grafana', id: 'grafana', name: 'Grafana', version: '11.0.0' },
    { type: 'datasource', id: 'prometheus', name: 'Prometheus', version: '1.0.0' },
  ];
  return { __inputs: [input], __requires: needs, ...rest };
}

/** The generated files by their path in the repository. */
function generated(): ReadonlyMap<string, string> {
  const boards = [overview, notifications, messages, workers, slo, business, runbook(readFileSync(join(root, 'docs/runbook.md'), 'utf8'))];
  const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ...boards.map((board): [string, string] => [`${FOLDER}/${board.uid.replace('signalbox-', '')}.json`, json(dashboard(board))]),
    ['grafana-dashboard.json', json(forImport(dashboard(overview), 'signalbox', 'Signalbox'))],
    // Where the checklist of messages looks for it, under its title.
    [
      'monitoring/grafana/phase3-queue-dashboard.json',
      json(forImport(dashboard(messages), 'phase3-queue', 'Phase 3: Durable Delivery - Queue Monitoring')),
    ],
  ]);
}

function isCurrent(path: string, text: string): boolean {
  try {
    return readFileSync(join(root, path), 'utf8') === text;
  } catch {
    return false;
  }
}

const files = generated();
const check = process.argv.includes('--check');
for (const path of files.keys()) mkdirSync(join(root, dirname(path)), { recursive: true });
for (const [path, text] of files) {
  if (!check) writeFileSync(join(root, path), text);
  else if (!isCurrent(path, text)) {
    console.error(`${path} is not what scripts/dashboards/ says; run npm run dashboards`);
    process.exitCode = 1;
  }
}
for (const name of readdirSync(join(root, FOLDER))) {
  const path = `${FOLDER}/${name}`;
  if (files.has(path)) continue;
  if (!check) rmSync(join(root, path));
  else {
    console.error(`${path} is made by nobody any more; run npm run dashboards`);
    process.exitCode = 1;
  }
}
