import { describe, expect, test } from '@jest/globals';
import { PLANTED_FAULTS } from '../../verify/checks/planted.js';
import type { Verdict } from '../../verify/judge.js';
import { rulesByGroup } from '../monitoring/shipped.js';
import { judgedBy } from './judged.js';

const ROUTES: Readonly<Record<string, string>> = {
  'severity=critical': 'pager,chat',
  'severity=warning': 'mail-and-chat',
  'severity=info': 'chat',
  'alertname=Watchdog': 'dead-mans-switch',
};

/** ALR-19 where all is loaded and routed as shipped, but for the change; whatever comes after that fails here. */
async function judged(more: readonly string[], routes = ROUTES): Promise<Verdict | undefined> {
  const extra = more.map((alert) => ({ alert, expr: 'vector(1)' }));
  const groups = rulesByGroup().map(({ name, rules }) => ({
    name,
    rules: [...rules, ...(name === 'errors' ? extra : [])].map(({ alert, expr }) => ({
      type: alert === undefined ? 'recording' : 'alerting',
      name: alert ?? '',
      health: 'ok',
      query: expr,
    })),
  }));
  const answer = (path: string): unknown => (path === '/api/v1/rules' ? { status: 'success', data: { groups } } : undefined);
  const say = (argv: readonly string[]): string => `${routes[argv.at(-1) ?? ''] ?? ''}\n`;
  return (await judgedBy(PLANTED_FAULTS, ['ALR-19'], 'compose', { root: process.cwd(), answer, say }))[0];
}

describe('ALR-19', () => {
  test('gets as far as to plant a fault, where each alert is tested and routed', async () => {
    expect(await judged([])).toMatchObject({ outcome: 'failed', expected: expect.stringContaining('POST /api/v1/notifications') });
  });

  test('is not met where an alert is loaded that no unit test has fire', async () => {
    expect(await judged(['NeverTested'])).toMatchObject({ outcome: 'failed', seen: '["NeverTested"]' });
  });

  test('is not met where a severity is told to somebody else', async () => {
    const verdict = await judged([], { ...ROUTES, 'severity=critical': 'chat' });
    expect(verdict).toMatchObject({ outcome: 'failed', expected: expect.stringContaining('severity=critical'), seen: 'chat' });
  });
});
