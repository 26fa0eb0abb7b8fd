import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { RECEIVERS } from '../../verify/checks/receivers.js';
import type { Verdict } from '../../verify/judge.js';
import { judgedBy } from './judged.js';

const SHIPPED = readFileSync('docker/alertmanager.yml', 'utf8');

/** Where amtool finds no fault in it and Alertmanager has loaded it. */
async function judged(original: string): Promise<Verdict | undefined> {
  const lies = { say: () => "Checking '/etc/alertmanager/alertmanager.yml'  SUCCESS", answer: () => ({ config: { original } }) };
  return (await judgedBy(RECEIVERS, ['FIL-08'], 'compose', lies))[0];
}

describe('FIL-08, where amtool finds no fault', () => {
  test('is met by the configuration that is shipped, by receiver', async () => {
    expect(await judged(SHIPPED)).toMatchObject({
      outcome: 'passed',
      seen: 'amtool: no fault; mail by mail-and-chat, chat by mail-and-chat and chat, pager by pager',
    });
  });

  test.each([
    ['no mail', 'mail', /^ {4}email_configs:\n( {6}.*\n)+/m],
    ['no pager', 'pager', /^ {4}pagerduty_configs:\n( {6}.*\n)+/m],
    ['a pager without a key', 'pager', /^ {6}- routing_key_file: .*\n {8}send_resolved: true/m],
    ['a pager that no route leads to', 'pager', /^ {4}- matchers: .severity = critical.\n( {6}.*\n)+/m],
  ])('is not met where there is %s, though its words are all over the text', async (_what, way, gone) => {
    const without = SHIPPED.replace(gone, way === 'pager' && gone.source.includes('routing') ? '      - send_resolved: true' : '');
    expect(without).not.toBe(SHIPPED);
    expect(without).toMatch(/smtp_from/);
    expect(without).toMatch(/pagerduty_url/);
    expect(await judged(without)).toMatchObject({ outcome: 'failed', expected: `a receiver for ${way} that a route leads to` });
  });

  test('is not met where nobody is told by chat, though its address is there', async () => {
    const without = SHIPPED.replace(/^ {4}slack_configs: &chat\n( {6}.*\n)+/m, '').replace(/^ {4}slack_configs: \*chat\n/m, '');
    expect(without).toMatch(/slack_api_url_file/);
    expect(await judged(without)).toMatchObject({ outcome: 'failed', expected: 'a receiver for chat that a route leads to' });
  });
});
