import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { breakerGauge, QUIET_MS } from '../../src/telemetry/breaker-gauge.js';

function set() {
  let now = 0;
  const registry = new Registry();
  const saw = breakerGauge(registry, () => now);
  return {
    saw,
    pass: (ms: number) => {
      now += ms;
    },
    shown: async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('circuit_breaker_state')),
  };
}

test('a breaker is shown as it was last seen', async () => {
  const { saw, shown } = set();
  saw('a', { kind: 'breaker', name: 'a', state: 'open', openMs: 1000 });
  saw('b', { kind: 'breaker', name: 'b', state: 'closed' });
  expect(await shown()).toEqual(['circuit_breaker_state{name="a"} 2', 'circuit_breaker_state{name="b"} 0']);
  saw('a', { kind: 'breaker', name: 'a', state: 'half-open' });
  expect(await shown()).toContain('circuit_breaker_state{name="a"} 1');
});

test('one that nobody calls any more is not shown as open for ever: it would page for a provider that nobody needs', async () => {
  const { saw, pass, shown } = set();
  saw('closed', { kind: 'breaker', name: 'closed', state: 'closed' });
  saw('gone', { kind: 'breaker', name: 'gone', state: 'open', openMs: 1000 });
  saw('tried', { kind: 'breaker', name: 'tried', state: 'half-open' });
  pass(QUIET_MS - 1);
  expect(await shown()).toHaveLength(3);
  pass(1);
  expect(await shown()).toEqual(['circuit_breaker_state{name="closed"} 0', 'circuit_breaker_state{name="gone"} 2']);
  pass(1000);
  expect(await shown()).toEqual(['circuit_breaker_state{name="closed"} 0']);
  saw('gone', { kind: 'breaker', name: 'gone', state: 'half-open' });
  expect(await shown()).toContain('circuit_breaker_state{name="gone"} 1');
});
