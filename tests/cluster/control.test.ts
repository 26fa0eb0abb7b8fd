import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Control, type ControlFile, openControl } from '../../src/cluster/control.js';
import { signalbox } from '../cli/capture.js';
import { type FakeCluster, fakeCluster } from './fake-cluster.js';

describe('signalbox cluster', () => {
  let cluster: FakeCluster;
  let control: Control;
  let where: readonly string[];

  const open = (): Promise<Control> =>
    openControl({
      supervisor: cluster.supervisor,
      directory: cluster.directory,
      logs: join(cluster.directory, 'logs'),
      onStop: (tell) => cluster.supervisor.stop(tell),
      say: cluster.tell,
    });

  beforeAll(async () => {
    cluster = await fakeCluster({ apis: 1, workers: 2 });
    // What one that was killed left behind is in nobody's way.
    await writeFile(join(cluster.directory, 'control.json'), '{"pid":1,"url":"http://127.0.0.1:9","token":"x"}');
    control = await open();
    await cluster.supervisor.start(cluster.tell);
    where = ['--directory', cluster.directory];
  });
  afterAll(async () => {
    await control.close();
    await cluster.dispose();
  });

  test('status shows every process, and ends with 0 when all are ready', async () => {
    const { code, out } = await signalbox('cluster', 'status', ...where);
    expect(code).toBe(0);
    expect(out).toMatch(/^worker-2 +ready +\d+ +\d+ +\d+ s +0$/m);
    const json = JSON.parse((await signalbox('cluster', 'status', '--json', ...where)).out) as { processes: { name: string }[] };
    expect(json.processes.map(({ name }) => name)).toEqual(['api-1', 'worker-1', 'worker-2']);
  });

  test('scale and restart tell what goes on', async () => {
    const up = await signalbox('cluster', 'scale', '3', ...where);
    expect([up.code, up.err]).toEqual([
      0,
      expect.stringMatching(/2 → 3 workers\nsignalbox: worker-3 is ready after [\d.]+ s on port \d+\n/),
    ]);
    expect((await signalbox('cluster', 'scale', '2', ...where)).err).toContain('worker-3 ended in order');
    expect((await signalbox('cluster', 'restart', 'worker-1', ...where)).err).toContain('worker-1 is ready');
    expect((await signalbox('cluster', 'restart', '--rolling', ...where)).err).toContain('3 of 3: api-1');
  });

  test('says what it does not understand (2), and what cannot be done (1)', async () => {
    expect((await signalbox('cluster', 'scale', 'many', ...where)).code).toBe(2);
    expect((await signalbox('cluster', 'restart', ...where)).code).toBe(2);
    const unknown = await signalbox('cluster', 'restart', 'worker-9', ...where);
    expect([unknown.code, unknown.err]).toEqual([1, 'signalbox: there is no process worker-9; there are api-1, worker-1, worker-2\n']);
    const nowhere = await signalbox('cluster', 'status', '--directory', '/nonexistent');
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('start one with npm run cluster')]);
  });

  test('logs shows the last lines of all, in order, or of some', async () => {
    const all = (await signalbox('cluster', 'logs', ...where)).out.trimEnd().split('\n');
    const times = all.map((line) => (JSON.parse(line) as { time: string }).time);
    expect(times).toEqual([...times].sort());
    const last = await signalbox('cluster', 'logs', '--tail', '2', 'worker-1', ...where);
    expect(
      last.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { worker: 'worker-1', msg: 'worker-1 drains' },
      { worker: 'worker-1', msg: 'ready' },
    ]);
    expect((await signalbox('cluster', 'logs', 'nobody', ...where)).code).toBe(1);
  });

  test('the control file is its owner’s alone, and its token is needed', async () => {
    const path = join(cluster.directory, 'control.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { url } = JSON.parse(await readFile(path, 'utf8')) as ControlFile;
    expect((await fetch(`${url}/status`)).status).toBe(401);
    expect((await fetch(`${url}/stop`, { method: 'POST', headers: { authorization: 'Bearer guess' } })).status).toBe(401);
  });

  test('a second cluster of the same directory is refused', async () => {
    await expect(open()).rejects.toThrow(/a cluster runs here already/);
  });

  test('workers health and diag ask the processes of this cluster', async () => {
    const health = await signalbox('workers', 'health', ...where);
    expect([health.code, health.out]).toEqual([
      0,
      `${cluster.workerPort} {"status":"ready"}\n${cluster.workerPort + 1} {"status":"ready"}\n`,
    ]);
    const missing = await signalbox('workers', 'health', '--count', '3', '--port', String(cluster.workerPort), ...where);
    expect([missing.code, missing.out]).toEqual([1, expect.stringContaining(`${cluster.workerPort + 2} no answer`)]);
  });

  test('stop ends everything, and then no cluster runs', async () => {
    const { code, err } = await signalbox('cluster', 'stop', ...where);
    expect([code, err]).toEqual([0, expect.stringContaining('worker-2 ended in order')]);
    await control.close();
    expect((await signalbox('cluster', 'status', ...where)).code).toBe(1);
  });
});
