import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../load-test/options.js';
import { growthOf, type MemoryLook } from '../../load-test/soak/growth.js';
import { readSoakOptions } from '../../load-test/soak/options.js';
import { lineOf } from '../../load-test/soak/report.js';
import { SoakWatch } from '../../load-test/soak/watch.js';

const HOUR_S = 3600;
const MB = 1e6;

/** A look every ten minutes. */
function looks(hours: number, rssAt: (hour: number, n: number) => number): readonly MemoryLook[] {
  return Array.from({ length: hours * 6 + 1 }, (_, n) => ({ at: n * 600, rssMb: rssAt(n / 6, n) }));
}

describe('A process whose memory is looked at', () => {
  const saw = (n: number): number => [0, 9, 4, 12, 2, 7][n % 6] ?? 0;

  test('and only warms up does not grow', () => {
    const warm = looks(3, (hour, n) => 140 - 60 * Math.exp(-4 * hour) + saw(n));
    expect(growthOf(warm)).toMatchObject({ grows: false });
    expect(growthOf(looks(48, (_hour, n) => 110 + saw(n)))).toMatchObject({ grows: false });
  });

  test('and leaks, quickly or slowly, grows', () => {
    expect(growthOf(looks(1, (hour, n) => 110 + 60 * hour + saw(n)))).toMatchObject({ grows: true });
    const slow = growthOf(looks(48, (hour, n) => 110 + 1.5 * hour + saw(n)));
    expect(slow).toMatchObject({ grows: true });
    expect(slow?.mbPerHour).toBeCloseTo(1.5, 0);
  });

  test('and takes one look in the middle of a collection is not called a leak for it', () => {
    expect(growthOf(looks(2, (_hour, n) => (n === 11 ? 260 : 110 + saw(n))))).toMatchObject({ grows: false });
  });

  test('is not judged before there is something to judge', () => {
    expect(growthOf([])).toBeNull();
    expect(growthOf(looks(1, (hour) => 100 + hour).slice(0, 4))).toBeNull();
    expect(growthOf(Array.from({ length: 20 }, (_, n) => ({ at: n * 10, rssMb: 100 + n * 10 })))).toBeNull();
  });
});

describe('The command line of a soak', () => {
  test('takes any duration', () => {
    expect(readSoakOptions([])).toMatchObject({ durationS: HOUR_S, everyS: 600, workload: 'notifications', target: 'embedded' });
    expect(readSoakOptions(['--duration=2d', '--every=1h', '--workload=idle'])).toMatchObject({ durationS: 48 * HOUR_S, everyS: HOUR_S });
    expect(readSoakOptions(['--duration=90s'])).toMatchObject({ durationS: 90, everyS: 90 });
    expect(readSoakOptions(['--target=http://127.0.0.1:1/x,http://127.0.0.1:2']).target).toEqual([
      'http://127.0.0.1:1',
      'http://127.0.0.1:2',
    ]);
  });

  test.each([
    ['--duration=1'],
    ['--duration=0h'],
    ['--duration=1m', '--every=2m'],
    ['--workload=positions'],
    ['--target=nowhere'],
    ['--rate=fast'],
    ['--long'],
  ])('%j is refused', (...args) => {
    expect(() => readSoakOptions(args)).toThrow(UsageError);
  });
});

describe('A check of a soak', () => {
  const NOTHING = { offered: 10, lost: 0, doubled: 0, p95: 5, missed: [] };
  /** What the process answers; a test changes it. */
  let says: { startedAt: number; http5xx: number; dead: number; trouble: number; open: number; lag: number; health: number };
  let server: Server;
  let url: string;
  let watch: SoakWatch;

  function answer(path: string): readonly [number, unknown] {
    const counter = (name: string, value: number, labels = {}) => ({ name, values: [{ value, labels }] });
    switch (path) {
      case '/health':
        return [says.health, {}];
      case '/resources':
        return [200, { worker: 'one', uptimeSeconds: 1, database: { driver: 'embedded' }, queue: { open: says.open } }];
      case '/api/v1/streams/messages':
        return [200, { depth: [{ lag: says.lag, pending: 0, parked: 0 }] }];
      case '/metrics':
        return [
          200,
          [
            counter('process_start_time_seconds', says.startedAt),
            counter('process_resident_memory_bytes', 100 * MB),
            counter('signalbox_http_requests_total', says.http5xx, { status: '503' }),
            counter('signalbox_deliveries_settled_total', says.dead, { status: 'dead' }),
            counter('signalbox_trouble_total', says.trouble),
          ],
        ];
      default:
        return [404, {}];
    }
  }

  async function begin(workload: 'messages' | 'idle'): Promise<void> {
    watch = new SoakWatch({ urls: [url] }, { workload }, 100);
    await watch.begin();
  }

  beforeEach(async () => {
    says = { startedAt: 1000, http5xx: 3, dead: 2, trouble: 1, open: 0, lag: 0, health: 200 };
    server = createServer((request, response) => {
      const [status, body] = answer(request.url ?? '');
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    await watch.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('finds nothing where nothing has happened since the start', async () => {
    await begin('messages');
    const found = await watch.check(30, NOTHING);
    expect(found).toEqual({ processes: 1, errors: { http5xx: 0, deadLetters: 0, trouble: 0 }, rssMb: 100, faults: [] });
    expect(watch.memory.get('one')).toHaveLength(2);
    const line = lineOf({ at: 30, offered: 10, lost: 0, doubled: 0, p95: 5, ...found }, 60);
    expect(line).toBe(
      'ok     0:00:30 of 0:01:00: 1 process; 10 offered, lost 0, doubled 0, p95 5 ms; 5xx 0, dead 0, trouble 0; RSS 100 MB',
    );
  });

  test.each([
    ['a process that was started anew', { startedAt: 1100, http5xx: 0, dead: 0 }, 'one was started anew'],
    ['one that is not healthy', { health: 503 }, 'one is not healthy'],
    ['answers of 5xx', { http5xx: 5 }, '2 answers of 5xx'],
    ['dead letters', { dead: 3 }, '1 dead letters'],
    ['work that stays open', { open: 4 }, '4 still open or in the log after 0.1 s'],
    ['lag that stays', { lag: 7 }, '7 still open or in the log after 0.1 s'],
  ])('finds %s', async (_what, change, fault) => {
    await begin('messages');
    says = { ...says, ...change };
    expect((await watch.check(30, NOTHING)).faults).toEqual([fault]);
  });

  test('counts what was tried again as a fault where there was nothing to do', async () => {
    await begin('messages');
    says.trouble = 2;
    expect((await watch.check(30, NOTHING)).faults).toEqual([]);
    await watch.close();
    await begin('idle');
    says.trouble = 3;
    expect((await watch.check(30, NOTHING)).faults).toEqual(['1 failures that were tried again, with nothing to do']);
  });

  test('finds what the stretch has missed, and errors only once', async () => {
    await begin('messages');
    says.http5xx = 4;
    expect((await watch.check(30, { ...NOTHING, missed: ['lost: 1'] })).faults).toEqual(['1 answers of 5xx', 'lost: 1']);
    expect((await watch.check(60, NOTHING)).faults).toEqual([]);
  });
});
