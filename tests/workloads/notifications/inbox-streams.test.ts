import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import type { InboxItem, InboxKey } from '../../../src/ports/inbox.js';
import type { StreamTarget } from '../../../src/workloads/event-streams.js';
import { createInboxStreams } from '../../../src/workloads/notifications/inbox-streams.js';
import { HandClock } from '../../support/hand-clock.js';

const ADA: InboxKey = { tenant: 't', userId: 'ada' };

/** Lets everything run that only waits for promises. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A connection that takes `room` writes before it asks to wait. */
class Connection extends EventEmitter {
  readonly written: string[] = [];
  room: number;
  ended = false;
  writableNeedDrain = false;

  constructor(room = Number.POSITIVE_INFINITY) {
    super();
    this.room = room;
  }

  write(text: string): boolean {
    this.written.push(text);
    this.room -= 1;
    this.writableNeedDrain = this.room <= 0;
    return !this.writableNeedDrain;
  }

  take(room: number): void {
    this.room = room;
    this.writableNeedDrain = false;
    this.emit('drain');
  }

  end(): void {
    this.ended = true;
    this.emit('close');
  }

  destroy(): void {
    this.emit('close');
  }

  get seqs(): number[] {
    return this.written.flatMap((text) => (text.startsWith('id: ') ? [Number(text.slice(4, text.indexOf('\n')))] : []));
  }
}

function set({ most = 100, pollMs = 1_000_000 } = {}) {
  const clock = new HandClock();
  const items: InboxItem[] = [];
  const reads: number[] = [];
  let fails = false;
  const inbox = {
    after: (_key: InboxKey, seq: number, limit: number) => {
      reads.push(seq);
      if (fails) return Promise.reject(new Error('the store is gone'));
      return Promise.resolve(items.filter((item) => item.seq > seq).slice(0, limit));
    },
  };
  const streams = createInboxStreams({ inbox, timers: clock, most, pollMs });
  const put = (many: number): void => {
    for (let n = 0; n < many; n += 1) items.push({ ...ADA, seq: items.length + 1 } as InboxItem);
  };
  const open = async (connection = new Connection(), seq = 0, key = ADA): Promise<Connection> => {
    streams.open(key, seq, connection as unknown as StreamTarget, ({ seq: number }) => ({ seq: number }));
    await settle();
    return connection;
  };
  return { clock, streams, put, open, reads, fail: () => (fails = true) };
}

describe('Streams of an inbox', () => {
  test('send what is there, then what arrives, each once and in order', async () => {
    const { streams, put, open } = set();
    put(25);
    const connection = await open(new Connection(), 3);
    expect(connection.seqs).toEqual(Array.from({ length: 22 }, (_, n) => n + 4));
    put(2);
    streams.arrived(ADA);
    streams.arrived(ADA);
    await settle();
    expect(connection.seqs.slice(-3)).toEqual([25, 26, 27]);
    expect(connection.written[0]).toBe('id: 4\nevent: notification\ndata: {"seq":4}\n\n');
  });

  test('miss nothing that arrives while they read', async () => {
    const { streams, put, open } = set();
    put(1);
    const opening = open();
    put(1);
    streams.arrived(ADA);
    const connection = await opening;
    await settle();
    expect(connection.seqs).toEqual([1, 2]);
  });

  test('read no further than a slow client takes, and go on when it takes more', async () => {
    const { put, open, reads } = set();
    put(200);
    const connection = await open(new Connection(3));
    expect(connection.seqs).toEqual([1, 2, 3]);
    expect(reads).toEqual([0]);
    connection.take(20);
    await settle();
    expect(connection.seqs).toHaveLength(23);
    expect(reads.length).toBeLessThanOrEqual(3);
  });

  test('cut off a client that takes nothing for a minute, and write it no heartbeats meanwhile', async () => {
    const { clock, put, open } = set();
    put(10);
    const connection = await open(new Connection(1));
    let closed = false;
    connection.once('close', () => (closed = true));
    clock.advance(59_000);
    expect([closed, connection.written.length]).toEqual([false, 1]);
    clock.advance(2000);
    expect(closed).toBe(true);
    await settle();
    expect(connection.written).toHaveLength(1);
  });

  test('tell that they live every 15 seconds, by one timer for all, and none when nobody listens', async () => {
    const { clock, open } = set();
    const connection = await open();
    clock.advance(45_000);
    expect(connection.written).toEqual([': still here\n\n', ': still here\n\n', ': still here\n\n']);
    connection.destroy();
    clock.advance(60_000);
    expect(connection.written).toHaveLength(3);
  });

  test('look for themselves now and then, for what another process has put there', async () => {
    const { clock, put, open } = set({ pollMs: 5000 });
    const connection = await open();
    put(1);
    clock.advance(4999);
    await settle();
    expect(connection.seqs).toEqual([]);
    clock.advance(1);
    await settle();
    expect(connection.seqs).toEqual([1]);
  });

  test('end when the store fails: the client comes again and hears of it', async () => {
    const { streams, open, fail } = set();
    const connection = await open();
    fail();
    streams.arrived(ADA);
    await settle();
    expect(connection.ended).toBe(true);
  });

  test('are bounded for one person and in all, and make room when they close', async () => {
    const { streams, open } = set({ most: 12 });
    const mine: Connection[] = [];
    for (let n = 0; n < 10; n += 1) mine.push(await open());
    expect(() => streams.admit(ADA)).toThrow(expect.objectContaining({ code: 'too-many-streams' }));
    const others = ['b', 'c'].map((userId) => ({ tenant: 't', userId }));
    for (const key of others) await open(new Connection(), 0, key);
    const late = { tenant: 't', userId: 'd' };
    expect(() => streams.admit(late)).toThrow(expect.objectContaining({ code: 'streams-full' }));
    mine[0]?.destroy();
    streams.admit(late);
    streams.admit(ADA);
  });

  test('end all at once, and one that comes after is ended at once', async () => {
    const { streams, open, put } = set();
    put(50);
    const [one, slow] = [await open(), await open(new Connection(1))];
    streams.end();
    expect([one.ended, slow.ended]).toEqual([true, true]);
    const late = await open();
    expect([late.ended, late.seqs]).toEqual([true, []]);
    await settle();
    expect(slow.seqs).toEqual([1]);
  });
});
