import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import type { mongo } from 'mongoose';
import { LastingClient, watchHeartbeats } from '../../src/adapters/mongo/lasting-client.js';
import { createSystemTimers } from '../../src/adapters/system/system-timers.js';
import { eventually } from '../support/app.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { ManualTime } from './manual-time.js';
import { databaseOn } from './mongo-harness.js';

describe('Whoever watches the heartbeats of a client', () => {
  const LIMIT_MS = 2000;
  const SECOND_LOOK_MS = 1000;

  function watched() {
    const time = new ManualTime();
    const client = new EventEmitter();
    const silent: string[] = [];
    const stop = watchHeartbeats(client as unknown as mongo.MongoClient, time, LIMIT_MS, (address) => silent.push(address));
    const tell = (name: string, address: string): void =>
      void client.emit(name, name === 'serverClosed' ? { address } : { connectionId: address });
    return { time, silent, stop, tell };
  }

  test('tells of one that has not ended within its limit and a second look, of each server for itself', async () => {
    const { time, silent, tell } = watched();
    tell('serverHeartbeatStarted', 'a:1');
    await time.pass(1000);
    tell('serverHeartbeatStarted', 'b:1');
    await time.pass(LIMIT_MS + SECOND_LOOK_MS - 1001);
    expect(silent).toEqual([]);
    await time.pass(1);
    expect(silent).toEqual(['a:1']);
    await time.pass(1000);
    expect(silent).toEqual(['a:1', 'b:1']);
  });

  test.each(['serverHeartbeatSucceeded', 'serverHeartbeatFailed', 'serverClosed'])(
    'says nothing after %s, also where it was read late because we stood still ourselves',
    async (end) => {
      const { time, silent, tell } = watched();
      tell('serverHeartbeatStarted', 'a:1');
      await time.pass(LIMIT_MS + SECOND_LOOK_MS / 2);
      tell(end, 'a:1');
      await time.pass(10 * LIMIT_MS);
      expect(silent).toEqual([]);
    },
  );

  test('says nothing once it is stopped', async () => {
    const { time, silent, tell, stop } = watched();
    tell('serverHeartbeatStarted', 'a:1');
    stop();
    await time.pass(10 * LIMIT_MS);
    expect(silent).toEqual([]);
  });
});

describeWith(await serverOrSkip('mongodb'), 'A client that lasts', (server) => {
  const ANSWER_MS = 400;

  /** As the driver keeps it: the connection of a server's heartbeats. */
  interface Insides {
    readonly topology: {
      readonly s: { readonly servers: ReadonlyMap<string, { readonly monitor: { readonly connection: { destroy(): void } } }> };
    };
  }

  function open() {
    const heard: (string | null)[] = [];
    const client = new LastingClient({
      uri: databaseOn(server.uri),
      timers: createSystemTimers(),
      driver: {
        heartbeatFrequencyMS: 500,
        serverMonitoringMode: 'poll',
        serverSelectionTimeoutMS: ANSWER_MS,
        connectTimeoutMS: ANSWER_MS,
        socketTimeoutMS: ANSWER_MS,
      },
      onServers: (servers, anew) => {
        if (servers.some(({ isWritable }) => isWritable)) heard.push(anew);
      },
    });
    return { client, heard };
  }

  // Should the driver no longer lose a heartbeat in this way, this fails: then `LastingClient` has one reason less to be there.
  test('is made anew when its driver has lost a heartbeat and would never look again, and commands go on', async () => {
    const { client, heard } = open();
    await client.connect();
    const lost = client.current;
    lost.once('serverHeartbeatStarted', () => {
      const [one] = [...(lost as unknown as Insides).topology.s.servers.values()];
      // Its message is made by now, and not written yet.
      queueMicrotask(() => one?.monitor.connection.destroy());
    });
    await eventually(async () => (heard.includes(`the heartbeat of ${new URL(server.uri).host} never ended`) ? true : null));
    expect(client.current).not.toBe(lost);
    expect(await client.current.db().command({ ping: 1 })).toMatchObject({ ok: 1 });
    await client.close();
  });

  test('leaves what is under way on the old one to its end, and closes it then', async () => {
    const { client } = open();
    await client.connect();
    const old = client.current;
    const under = old.db().command({ ping: 1 });
    client.renew('a test wants it');
    expect(await under).toMatchObject({ ok: 1 });
    expect(await client.current.db().command({ ping: 1 })).toMatchObject({ ok: 1 });
    await eventually(async () =>
      old
        .db()
        .command({ ping: 1 })
        .then(
          () => null,
          () => true,
        ),
    );
    await client.close();
  });

  test('is not made anew once it is closed', async () => {
    const { client } = open();
    await client.connect();
    const { current } = client;
    await client.close();
    client.renew('too late');
    expect(client.current).toBe(current);
    await client.close();
  });
});
