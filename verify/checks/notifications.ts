import { type Check, hold, same } from '../check.js';
import { accept, acceptMany, allReach, delivery, fresh, inInbox, NOTIFICATIONS, reaches, read, request, Sink, tookMs } from '../notify.js';
import { workersHealth } from '../reading.js';
import type { World } from '../world.js';

const MANY = 200;
const USERS = 20;
const LATE_MS = 1_000;

/** Each has had one owner at a time: one attempt, under the token of its last claim, by a process that exists. */
async function oneOwner(world: World): Promise<string> {
  const ids = await acceptMany(world, MANY, (n) => ({ userId: `verify-owner-${n % USERS}` }));
  const told = await allReach(world, ids, 'delivered');
  for (const one of told) {
    const { attempts } = delivery(one);
    same(attempts.length, 1, `the attempts of ${one.notificationId}`);
    hold(one.lock.lockedBy === null && one.lock.lockToken >= 1, 'a lease that was taken and let go', one.lock);
  }
  const workers = new Set(told.map((one) => delivery(one).attempts[0]?.worker));
  return `${MANY} notifications, one attempt each, by ${workers.size} ${workers.size === 1 ? 'process' : 'processes'}`;
}

async function spread(world: World): Promise<string> {
  const before = new Map((await workersHealth(world)).map(({ worker }) => [worker.workerId, worker.processedCount]));
  // Spread over all APIs as well.
  const ids = await acceptMany(world, MANY, (n) => ({ userId: `verify-spread-${n % USERS}` }));
  await allReach(world, ids, 'delivered');
  const after = (await workersHealth(world)).map(
    ({ worker }) => [worker.workerId, worker.processedCount - (before.get(worker.workerId) ?? 0)] as const,
  );
  hold(after.length > 1 && after.every(([, did]) => did > 0), 'every worker to have had a share', after);
  return `${MANY} notifications: ${after.map(([name, did]) => `${name} ${did}`).join(', ')}`;
}

/** Gives how late it was. */
async function onTime(world: World): Promise<number> {
  const scheduledFor = new Date(Date.now() + 3_000).toISOString();
  const id = await accept(world, { scheduledFor });
  same((await read(world, id)).status, 'scheduled', 'the status before its time');
  const told = await reaches(world, id, 'delivered');
  const lateMs = Date.parse(delivery(told).settledAt ?? '') - Date.parse(scheduledFor);
  hold(lateMs >= 0 && lateMs <= LATE_MS, `delivered 0 to ${LATE_MS} ms after its time`, `${lateMs} ms`);
  return lateMs;
}

async function scheduled(world: World) {
  const id = await accept(world);
  const nowMs = tookMs(await reaches(world, id, 'delivered'));
  const late = await onTime(world);
  const seen = `at once after ${nowMs} ms; scheduled ${late} ms after its time`;
  if (world.site.target !== 'embedded') return { seen, open: 'across a restart: measured by --target embedded' };
  const first = await world.server();
  const scheduledFor = new Date(Date.now() + 5_000).toISOString();
  const waiting = await accept(world, { scheduledFor }, first.url);
  await first.kill();
  const second = await world.server({ DATA_DIR: first.dataDir });
  const told = await reaches(world, waiting, 'delivered', undefined, second.url);
  const lateMs = Date.parse(delivery(told).settledAt ?? '') - Date.parse(scheduledFor);
  hold(lateMs >= 0 && lateMs <= LATE_MS, `after kill -9 delivered 0 to ${LATE_MS} ms after its time`, `${lateMs} ms`);
  return `${seen}; across kill -9 and a restart ${lateMs} ms after its time`;
}

async function optedOut(world: World): Promise<string> {
  const userId = fresh('optout');
  const choices = { categories: { marketing: { 'in-app': false } } };
  await world.expect(200, `/api/v1/users/${userId}/preferences`, { method: 'PUT', body: choices });
  const skipped = await reaches(world, await accept(world, { userId, category: 'marketing' }), 'skipped');
  const { reason, attempts } = delivery(skipped);
  hold(reason !== null && /preference|opt|category|channel/i.test(reason), 'the reason of the skip', reason);
  same(attempts.length, 0, 'attempts of what is not wanted');
  await reaches(world, await accept(world, { userId, category: 'orders' }), 'delivered');
  return `skipped with reason ${reason}; another category is delivered`;
}

const pad = (n: number): string => String(n).padStart(2, '0');

/** A zone where it is the hour after midnight now, and a window across midnight that lasts two hours more. */
function nightNow(now: Date): { readonly timeZone: string; readonly start: string; readonly end: string; readonly endsAt: number } {
  const hour = now.getUTCHours();
  const offset = hour <= 12 ? -hour : 24 - hour;
  // These names count westward: Etc/GMT-3 is three hours ahead.
  const timeZone = offset === 0 ? 'Etc/GMT' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`;
  const endsAt = Math.floor(now.getTime() / 3_600_000) * 3_600_000 + 3 * 3_600_000;
  return { timeZone, start: '22:00', end: `${pad(3)}:00`, endsAt };
}

async function quietHours(world: World) {
  const userId = fresh('asleep');
  const { endsAt, ...quiet } = nightNow(new Date());
  await world.expect(200, `/api/v1/users/${userId}/preferences`, { method: 'PUT', body: { quietHours: quiet } });
  const id = await accept(world, { userId });
  const deferred = await reaches(world, id, 'deferred');
  same(delivery(deferred).dueAt, new Date(endsAt).toISOString(), 'due at the end of the window');
  await reaches(world, await accept(world, { userId, priority: 'urgent' }), 'delivered');
  // A change of mind counts for what waits already, and nothing was dropped.
  await world.expect(200, `/api/v1/users/${userId}/preferences`, { method: 'PUT', body: { quietHours: null } });
  await reaches(world, id, 'delivered');
  const seen = `in ${quiet.timeZone}, 22:00 to ${quiet.end} across midnight: deferred to its end; urgent passes; delivered when the window is lifted`;
  // Two minutes of one processor.
  if (!world.means.withDrills) return { seen, open: 'every zone with its clock changes: npm run quiet-hours:zones, or --with-drills' };
  const zones = await world.succeed(['npm', 'run', '--silent', 'quiet-hours:zones'], { withinMs: 400_000 });
  const [, count] = /^time zones +(\d+)$/m.exec(zones.stdout) ?? [];
  hold(Number(count) > 400 && /^mismatches +0$/m.test(zones.stdout), 'every zone, and no mismatch', zones.stdout);
  return `${seen}; ${count} zones with all their clock changes agree with an independent calendar`;
}

async function logged(world: World): Promise<string> {
  const id = await accept(world);
  const told = await reaches(world, id, 'delivered');
  const { body } = await world.expect<{ data: readonly { attempts: readonly object[] }[] }>(200, `${NOTIFICATIONS}/${id}/deliveries`);
  same(body.data[0]?.attempts, delivery(told).attempts, 'the delivery log, as the notification shows it');
  const explained = await world.expect(200, `${NOTIFICATIONS}/${id}/explain`);
  for (const word of ['accepted', 'delivered']) hold(explained.text.includes(word), `the explanation to tell of "${word}"`, explained.text);
  return 'the attempt is in the delivery log, and explain tells from accepted to delivered';
}

/** Every effect once, though some were asked for twice. */
async function noDuplicates(world: World): Promise<string> {
  const keys = Array.from({ length: 100 }, () => fresh('once'));
  const bodies = keys.map((idempotencyKey, n) => request({ userId: `verify-once-${n % USERS}`, idempotencyKey }));
  const ids = new Set<string>();
  const answers = await Promise.all(
    [...bodies, ...bodies.slice(0, 25)].map((body) => world.call<{ notificationId: string }>(NOTIFICATIONS, { method: 'POST', body })),
  );
  for (const { status, body } of answers) {
    hold(status === 202 || status === 200, 'accepted or recognised', status);
    ids.add(body.notificationId);
  }
  same([ids.size, answers.filter(({ status }) => status === 200).length], [100, 25], 'ids, and repeats that were recognised');
  const told = await allReach(world, [...ids], 'delivered');
  const operations = new Set(told.map((one) => delivery(one).operationId));
  same(operations.size, 100, 'operation ids');
  let received = 0;
  for (let n = 0; n < USERS; n += 1) received += await inInbox(world, `verify-once-${n}`, operations);
  same(received, 100, 'what 20 inboxes received');
  return '125 requests for 100 notifications, 25 of them at the same time as their first: 100 ids, 100 effects in the inboxes';
}

/** Everything accepted comes to rest, though the process is killed in the middle. */
async function noneLost(world: World) {
  const ids = await acceptMany(world, MANY, (n) => ({ userId: `verify-kept-${n % USERS}` }));
  const told = await allReach(world, ids, 'delivered');
  const seen = `${told.length} of ${ids.length} accepted are delivered`;
  if (world.site.target !== 'embedded') return { seen, open: 'scale-down, crash and restarts of servers: REL-01 to REL-03, DRL-05' };
  const first = await world.server();
  const kept: string[] = [];
  for (let n = 0; n < 100; n += 1) kept.push(await accept(world, { userId: `verify-crash-${n % USERS}` }, first.url));
  await first.kill();
  const second = await world.server({ DATA_DIR: first.dataDir, LEASE_MS: '2000', SEND_TIMEOUT_MS: '1000' });
  let delivered = 0;
  for (const id of kept) {
    await reaches(world, id, 'delivered', 45_000, second.url);
    delivered += 1;
  }
  same(delivered, kept.length, 'delivered after kill -9');
  return `${seen}; ${delivered} of ${kept.length} across kill -9 and a restart`;
}

async function attemptsKept(world: World): Promise<string> {
  const sink = Sink.of(world);
  const name = fresh('shaky');
  await sink.behave(name, [{ do: 'status', status: 503, times: 2 }]);
  const told = await reaches(world, await accept(world, sink.to(name)), 'delivered', 30_000);
  const { attempts, operationId } = delivery(told);
  same(
    attempts.map(({ attempt, result }) => [attempt, result]),
    [
      [1, 'retry'],
      [2, 'retry'],
      [3, 'delivered'],
    ],
    'attempts',
  );
  same((await sink.effects(operationId)).length, 1, 'effects');
  return 'two refusals and a delivery: three attempts in the log, one effect';
}

/** All seven of the checklist, in its order. */
async function functional(world: World): Promise<string> {
  const id = await accept(world);
  const told = await reaches(world, id, 'delivered');
  same(delivery(told).attempts.length, 1, 'the delivery log');
  same(await inInbox(world, told.userId, new Set([delivery(told).operationId])), 1, 'what was received');
  await onTime(world);
  await optedOut(world);
  const night = fresh('night');
  const { endsAt: _endsAt, ...quiet } = nightNow(new Date());
  await world.expect(200, `/api/v1/users/${night}/preferences`, { method: 'PUT', body: { quietHours: quiet } });
  const waiting = await accept(world, { userId: night });
  await reaches(world, waiting, 'deferred');
  await world.expect(202, `${NOTIFICATIONS}/${waiting}/cancel`, { method: 'POST' }).catch(() => reaches(world, waiting, 'cancelled'));
  return 'sent, delivered, logged, once, scheduled, preferences, quiet hours: seven of seven';
}

/** What notifications promise. */
export const OF_NOTIFICATIONS: readonly Check[] = [
  { id: 'NOT-01', run: oneOwner },
  { id: 'NOT-02', on: ['cluster', 'compose'], elsewhere: 'one process has nobody to compete with', run: spread },
  { id: 'NOT-03', run: scheduled },
  { id: 'NOT-04', run: optedOut },
  { id: 'NOT-05', withinMs: 450_000, run: quietHours },
  { id: 'NOT-06', run: logged },
  { id: 'NOT-07', run: noDuplicates },
  { id: 'NOT-08', withinMs: 150_000, run: noneLost },
  { id: 'DAT-02', run: attemptsKept },
  { id: 'DRL-01', run: functional },
];
