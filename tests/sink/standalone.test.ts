import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { emailChannel } from '../../src/channels/email.js';
import { webhookChannel } from '../../src/channels/webhook.js';
import type { LedgerLine } from '../../src/sink/ledger-file.js';
import { clock, effectTo, noAbort, SECRET, timers } from '../channels/fixtures.js';

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sink-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(folder, { recursive: true });
});

async function start(...more: readonly string[]) {
  const ledger = join(folder, 'ledger.jsonl');
  const args = [
    '--import',
    'tsx',
    'src/sink/main.ts',
    '--http-port',
    '0',
    '--smtp-port',
    '0',
    '--ledger',
    ledger,
    '--secret',
    SECRET,
    ...more,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, ledger, ...(JSON.parse(line) as { httpUrl: string; smtpPort: number; pid: number }) };
}

function readLedger(path: string): LedgerLine[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as LedgerLine);
}

test('A sink of its own process tells its ports and ends well on SIGTERM', async () => {
  const { child, httpUrl, smtpPort, pid } = await start();
  expect(pid).toBe(child.pid);
  const email = emailChannel({ clock, timers, host: '127.0.0.1', port: smtpPort, from: 'a@signalbox.test' });
  expect(await email.send(effectTo('b@example.org'), noAbort())).toMatchObject({ kind: 'done' });
  expect((await fetch(`${httpUrl}/sink`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await email.close();
});

test('A sink that senders know under another name tells it', async () => {
  const { httpUrl } = await start('--host', '0.0.0.0', '--address', 'http://sink:3080');
  expect(await (await fetch(`${httpUrl}/sink/address`)).json()).toEqual({ address: 'http://sink:3080' });
});

test('What the sink has answered for is in its ledger, even when it is killed in the middle', async () => {
  const { child, httpUrl, ledger } = await start();
  const webhook = webhookChannel({ clock, timers, secrets: [SECRET], allow: ['127.0.0.0/8'] });
  const answered: string[] = [];
  let next = 0;
  const sendUntilItDies = async (): Promise<void> => {
    for (;;) {
      next += 1;
      const operationId = `op-${next}`;
      const outcome = await webhook.send(effectTo(`${httpUrl}/sink/webhook/drill`, { operationId }), noAbort());
      if (outcome.kind !== 'done') return;
      answered.push(operationId);
      if (answered.length === 200) child.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: 8 }, sendUntilItDies));
  const written = new Set(readLedger(ledger).map(({ operationId }) => operationId));
  expect(answered.length).toBeGreaterThanOrEqual(200);
  expect(answered.filter((operationId) => !written.has(operationId))).toEqual([]);
  await webhook.close();
});
