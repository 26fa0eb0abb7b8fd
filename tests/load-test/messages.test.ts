import { describe, expect, it } from '@jest/globals';
import { type Audit, auditOf, type Stored } from '../../load-test/messages/audit.js';
import type { Sent } from '../../load-test/messages/load.js';
import { artillery, isAboutMessages, readMessageOptions } from '../../load-test/messages/options.js';
import { UsageError } from '../../load-test/options.js';

/** The n-th message of one conversation, answered 5 ms after it was sent, 10 ms after the one before. */
function sent(n: number, change: Partial<Sent> = {}): Sent {
  const times = { intendedAt: n * 10, sentAt: n * 10, answeredAt: n * 10 + 5 };
  const what = { n, conversationId: 'room', clientMessageId: `c-${n}`, content: `Message ${n}` };
  return { ...what, ...times, status: 202, messageId: `id-${n}`, error: null, repeat: null, ...change };
}

function stored(n: number, change: Partial<Stored> = {}): Stored {
  const at = { acceptedAt: '2026-01-01T00:00:00.000Z', persistedAt: '2026-01-01T00:00:00.010Z' };
  return { messageId: `id-${n}`, clientMessageId: `c-${n}`, content: `Message ${n}`, order: `00${n}`, ...at, ...change };
}

const NOTHING: Audit = { lost: [], doubled: [], strangers: [], disordered: [], unrecognised: [] };
const audit = (offered: readonly Sent[], history: readonly Stored[]): Audit => auditOf(offered, new Map([['room', history]]));
const offered = [sent(1), sent(2), sent(3)];

describe('What a conversation is held against after the load', () => {
  it('finds nothing wrong with one that is whole, once and in order', () => {
    expect(audit(offered, [stored(1), stored(2), stored(3)])).toEqual(NOTHING);
  });

  it('finds what is missing, but for what was never accepted', () => {
    expect(audit([...offered, sent(4, { messageId: null, status: 503 })], [stored(1), stored(3)])).toEqual({ ...NOTHING, lost: ['c-2'] });
  });

  it('finds what is there twice, and what is there under another id than was answered', () => {
    const twice = [stored(1), stored(2), stored(2, { order: '0021', messageId: 'id-9' }), stored(3)];
    expect(audit(offered, twice)).toMatchObject({ lost: [], doubled: ['c-2', 'id-9'] });
  });

  it('finds what nobody has sent, and what has other content', () => {
    const history = [stored(1), stored(2, { content: 'x' }), stored(3), stored(9)];
    expect(audit(offered, history)).toMatchObject({ strangers: ['id-2', 'id-9'] });
  });

  it('finds what stands before one that was answered earlier', () => {
    const history = [stored(1), stored(3, { order: '002' }), stored(2, { order: '003' })];
    expect(audit(offered, history)).toEqual({ ...NOTHING, disordered: ['id-2'] });
  });

  it('finds two at one place', () => {
    expect(audit(offered, [stored(1), stored(2, { order: '001' }), stored(3)])).toMatchObject({ disordered: ['id-2'] });
  });

  it('asks no order of two that were under way at once', () => {
    const together = [sent(1), sent(2, { answeredAt: 40 }), sent(3)];
    expect(audit(together, [stored(1), stored(3, { order: '002' }), stored(2, { order: '003' })])).toEqual(NOTHING);
  });

  it('finds repeats that were told another id, or after the first answer not that they are repeats', () => {
    const repeat = { status: 200, messageId: 'id-1', hit: true, late: true };
    const repeated = [
      sent(1, { repeat }),
      sent(2, { repeat: { ...repeat, messageId: 'id-2', hit: false } }),
      sent(3, { repeat: { ...repeat, messageId: 'id-9' } }),
      sent(4, { repeat: { ...repeat, messageId: 'id-4', hit: false, late: false } }),
    ];
    const history = [1, 2, 3, 4].map((n) => stored(n));
    expect(audit(repeated, history)).toEqual({ ...NOTHING, unrecognised: ['c-2', 'c-3'] });
  });
});

describe('The command line of the load test of messages', () => {
  it('is told from that of notifications by its workload', () => {
    expect([['--workload=messages'], ['--rate', '5', '--workload', 'messages'], ['--rate=5']].map(isAboutMessages)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('takes the flags of the checklist', () => {
    const args = ['--workload=messages', '--rate=500', '--conversations=1000', '--duplicates=2.5%'];
    expect(readMessageOptions(args)).toMatchObject({
      phases: [{ durationS: 60, rate: 500 }],
      conversations: 1000,
      duplicatesPercent: 2.5,
      path: '/api/v1/messages',
      urls: null,
    });
  });

  it('takes phases, path and variables from the file that is shipped', () => {
    expect(artillery('load-test.yml')).toEqual({
      phases: [
        { durationS: 60, rate: 100 },
        { durationS: 300, rate: 500 },
      ],
      path: '/api/messages',
      conversations: 1000,
      duplicatesPercent: 2.5,
    });
    expect(readMessageOptions(['--workload=messages', '--file=load-test.yml', '--conversations=9'])).toMatchObject({
      conversations: 9,
      path: '/api/messages',
    });
  });

  it.each([
    [['--rate=much']],
    [['--duplicates=80%']],
    [['--file=package.json']],
    [['--file=load-test.yml', '--rate=5']],
    [['--surprise']],
    [['--url=ftp://x']],
  ])('refuses %j', (args) => {
    expect(() => readMessageOptions(['--workload=messages', ...args])).toThrow(UsageError);
  });
});
