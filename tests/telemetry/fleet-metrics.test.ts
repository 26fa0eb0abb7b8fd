import { describe, expect, test } from '@jest/globals';
import type { SeenMember } from '../../src/ports/fleet.js';
import { createMetrics } from '../../src/telemetry/metrics.js';

const member = (roles: readonly string[], state: string) => ({ roles, state }) as unknown as SeenMember;

describe('The metrics of a fleet', () => {
  test('count its members by role, and the restarts of this process', async () => {
    const metrics = createMetrics();
    let alive = [member(['api'], 'running'), member(['worker', 'janitor'], 'running'), member(['worker'], 'draining')];
    metrics.observeFleet({ members: async () => alive, lost: async () => [], restarts: 3 });
    const text = await metrics.text();
    expect(text).toContain('signalbox_fleet_members{role="api",state="running"} 1');
    expect(text).toContain('signalbox_fleet_members{role="worker",state="draining"} 1');
    expect(text).toContain('worker_restarts_total 3');
    alive = [];
    expect(await metrics.text()).not.toContain('signalbox_fleet_members{');
  });

  test('name each that fell silent, until somebody has its place', async () => {
    const metrics = createMetrics();
    let silent = [{ ...member(['worker', 'janitor'], 'running'), workerId: 'worker-3' }];
    metrics.observeFleet({ members: async () => [], lost: async () => silent, restarts: 0 });
    expect(await metrics.text()).toContain('signalbox_fleet_lost{role="worker",member="worker-3"} 1');
    silent = [];
    expect(await metrics.text()).not.toContain('signalbox_fleet_lost{');
  });

  test('leave it to others to tell who is lost, where they are not asked for it', async () => {
    const metrics = createMetrics();
    metrics.observeFleet({ members: async () => [member(['worker'], 'running')], restarts: 0 });
    const text = await metrics.text();
    expect(text).toContain('signalbox_fleet_members{role="worker",state="running"} 1');
    expect(text).not.toContain('signalbox_fleet_lost');
  });

  test('have no members to show while the registry does not answer', async () => {
    const metrics = createMetrics();
    const away = () => Promise.reject(new Error('away'));
    metrics.observeFleet({ members: away, lost: away, restarts: 0 });
    expect(await metrics.text()).toContain('worker_restarts_total 0');
  });
});
