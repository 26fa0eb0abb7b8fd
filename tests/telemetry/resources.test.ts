import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { activePeople } from '../../src/telemetry/active-people.js';
import { cpuLimit } from '../../src/telemetry/machine.js';

const MINUTE_MS = 60_000;

describe('What a process may use', () => {
  const of = (files: Readonly<Record<string, string>>) => cpuLimit((file) => files[file] ?? '');

  it('is the quota of its container, as either kind of control group writes it', () => {
    expect(of({ 'cpu.max': '150000 100000\n' })).toBe(1.5);
    expect(of({ 'cpu/cpu.cfs_quota_us': '50000\n', 'cpu/cpu.cfs_period_us': '100000\n' })).toBe(0.5);
  });

  it('is all of the machine where there is no quota', () => {
    const all = of({});
    expect(all).toBeGreaterThanOrEqual(1);
    expect(of({ 'cpu.max': 'max 100000\n' })).toBe(all);
    expect(of({ 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n' })).toBe(all);
  });
});

describe('Active people', () => {
  it('are those of the last quarter of an hour, each once, and by tenant', async () => {
    const registry = new Registry();
    let now = 1_000 * 60 * MINUTE_MS;
    const people = activePeople(registry, () => now);
    const shown = async (): Promise<number> => (await registry.getSingleMetric('signalbox_active_users')?.get())?.values[0]?.value ?? -1;
    expect(await shown()).toBe(0);
    people.seen('one', 'ada');
    people.seen('one', 'ada');
    people.seen('two', 'ada');
    people.seen('one', null);
    expect(await shown()).toBe(2);
    now += 14 * MINUTE_MS;
    people.seen('one', 'bob');
    people.seen('one', 'ada');
    expect(await shown()).toBe(3);
    now += 7 * MINUTE_MS;
    expect(await shown()).toBe(2);
    now += 20 * MINUTE_MS;
    expect(await shown()).toBe(0);
  });
});
