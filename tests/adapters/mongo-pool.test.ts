import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import type { mongo } from 'mongoose';
import { connectionsOf } from '../../src/adapters/mongo/lasting-client.js';
import { DatabaseConnectionPool } from '../../src/adapters/mongo/pool.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { databaseOn, optionsFor } from './mongo-harness.js';

test('a connection counts while it stands, also where the driver never says that one which was begun has ended', () => {
  const client = new EventEmitter();
  const standing = connectionsOf(client as unknown as mongo.MongoClient);
  const tell = (name: string, connectionId: number): void => void client.emit(name, { address: 'db:27017', connectionId });
  tell('connectionCreated', 1);
  tell('connectionReady', 1);
  expect(standing()).toBe(1);
  // Its pool was cleared while it came about.
  tell('connectionCreated', 2);
  // It failed.
  tell('connectionCreated', 3);
  tell('connectionClosed', 3);
  expect(standing()).toBe(1);
  tell('connectionClosed', 1);
  expect(standing()).toBe(0);
});

describeWith(await serverOrSkip('mongodb'), 'DatabaseConnectionPool', (server) => {
  const open = (budget: number, processes: number) =>
    DatabaseConnectionPool.open(optionsFor(databaseOn(server.uri), { budget, processes }));

  /** Commands at the same time; gives how many ran at once at the most. */
  async function crowd(pool: DatabaseConnectionPool, commands: number): Promise<number> {
    let running = 0;
    let most = 0;
    const command = () =>
      pool.run(async (database) => {
        running += 1;
        most = Math.max(most, running);
        await database.command({ ping: 1 });
        running -= 1;
      });
    await Promise.all(Array.from({ length: commands }, command));
    return most;
  }

  test('a process has its share of the budget less the connection of the heartbeat, and two at the least', async () => {
    for (const [budget, processes, limit] of [
      [50, 7, 6],
      [50, 1, 49],
      [20, 10, 2],
      [1, 1, 2],
      [9, 2, 3],
    ] as const) {
      const pool = await open(budget, processes);
      expect(pool.connections().limit).toBe(limit);
      await pool.close();
    }
  });

  test('no more commands run at once than the limit, nor are more connections open than they need', async () => {
    const pool = await open(12, 2);
    expect(await crowd(pool, 60)).toBe(5);
    const { open: connections, inUse } = pool.connections();
    expect(connections).toBeLessThanOrEqual(6);
    expect(connections).toBeGreaterThan(0);
    expect(inUse).toBe(0);
    await pool.close();
  });

  test('when the fleet grows the limit falls at once, and rises when it shrinks', async () => {
    const pool = await open(20, 2);
    expect(pool.connections().limit).toBe(9);
    pool.share(5);
    expect(pool.connections().limit).toBe(3);
    expect(await crowd(pool, 30)).toBe(3);
    pool.share(1);
    expect(pool.connections().limit).toBe(19);
    expect(await crowd(pool, 30)).toBe(19);
    await pool.close();
  });
});
