import { describe, expect, test } from '@jest/globals';
import { call } from '../../src/pipeline/call.js';
import type { Lease } from '../../src/pipeline/lease.js';
import type { PipelineSettings } from '../../src/pipeline/settings.js';
import type { Channel, Effect, Outcome } from '../../src/ports/channel.js';
import { HandClock } from '../support/hand-clock.js';

const SEND_TIMEOUT_MS = 3_000;

function calling(send: Channel['send']) {
  const clock = new HandClock();
  const lost = new AbortController();
  const lease = { safe: () => true, signal: lost.signal } as Lease;
  const settings = { sendTimeoutMs: SEND_TIMEOUT_MS } as PipelineSettings;
  const channel: Channel = { name: 'x', effectClass: 'idempotent', provider: () => 'x', send };
  return { clock, lost, outcome: call({ timers: clock, watch: () => undefined, settings }, lease, channel, {} as Effect) };
}

const forever = (): Promise<Outcome> => new Promise(() => {});

describe('A call to a channel that hangs and does not heed its signal', () => {
  test('is left a second after its time limit, as unknown', async () => {
    const { clock, outcome } = calling(forever);
    let settled = false;
    void outcome.then(() => {
      settled = true;
    });
    clock.advance(SEND_TIMEOUT_MS + 999);
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    clock.advance(1);
    await expect(outcome).resolves.toMatchObject({ kind: 'unknown', failure: { code: 'channel_stuck' } });
  });

  test('is left a second after its lease was lost', async () => {
    const { clock, lost, outcome } = calling(forever);
    lost.abort();
    clock.advance(1_000);
    await expect(outcome).resolves.toMatchObject({ kind: 'unknown', failure: { code: 'channel_stuck' } });
  });

  test('says what the channel says, where that is in time to be heard', async () => {
    const { clock, outcome } = calling(
      (_effect, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ kind: 'retry', failure: { code: 'cut', message: 'nothing was sent' } }));
        }),
    );
    clock.advance(SEND_TIMEOUT_MS);
    await expect(outcome).resolves.toMatchObject({ kind: 'retry', failure: { code: 'timeout' } });
  });

  test('does no harm when it fails after it was left', async () => {
    let fail: (error: Error) => void = () => undefined;
    const { clock, outcome } = calling(() => new Promise((_, reject) => (fail = reject)));
    clock.advance(SEND_TIMEOUT_MS);
    clock.advance(1_000);
    await outcome;
    fail(new Error('too late'));
    await new Promise(setImmediate);
  });
});
