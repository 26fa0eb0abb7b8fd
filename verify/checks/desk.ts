import { type Check, hold, same } from '../check.js';
import { accept, reaches } from '../notify.js';
import type { World } from '../world.js';

/** Link-local: webhooks never go there, so it is refused for good at once, on every site. */
const FORBIDDEN = 'http://169.254.1.1/nowhere';

interface Letter {
  readonly deliveryId: string;
  readonly recordId: string;
  readonly status: string;
  readonly redrives: number;
}

/** Dead at once, whoever the provider is. */
export async function deadLetter(world: World): Promise<Letter> {
  const id = await accept(world, { channels: ['webhook'], to: { webhook: FORBIDDEN } });
  const { deliveries } = await reaches(world, id, 'dead');
  const deliveryId = deliveries[0]?.deliveryId ?? '';
  const { body } = await world.expect<Letter>(200, `/api/v1/dead-letters/${deliveryId}`);
  same(body.recordId, id, 'the record of the dead letter');
  return body;
}

async function desk(world: World) {
  const { deliveryId, recordId } = await deadLetter(world);
  const list = await world.expect<{ data: readonly Letter[] }>(200, '/api/v1/dead-letters?workload=notifications&limit=100');
  hold(
    list.body.data.some((row) => row.deliveryId === deliveryId),
    `${deliveryId} in the list`,
    list.body.data.length,
  );
  await world.expect(202, `/api/v1/dead-letters/${deliveryId}/redrive`, { method: 'POST', body: {} });
  const back = await world.until('the redriven one to be dead again', async () => {
    const { status, body } = await world.call<Letter>(`/api/v1/dead-letters/${deliveryId}`);
    return status === 200 && body.redrives === 1 && body.status === 'dead' ? body : null;
  });
  same(back.recordId, recordId, 'the identity after a redrive');
  const dry = { filter: { workload: 'notifications' }, dryRun: true };
  const { body } = await world.expect<{ matched: number }>(200, '/api/v1/dead-letters/redrive', { method: 'POST', body: dry });
  hold(body.matched >= 1, 'the dry run to match it', body);
  await world.expect(200, `/api/v1/dead-letters/${deliveryId}?reason=acceptance`, { method: 'DELETE' });
  await world.until(
    'it to have left the dead letters',
    async () => (await world.call(`/api/v1/dead-letters/${deliveryId}`)).status === 404,
  );
  return {
    seen: 'listed, inspected, redriven under its own id and dead again, bulk by filter tried dry, discarded',
    open: 'of notifications; messages: MSG-06; positions and jobs are not built yet; rights of an administrator come with identity',
  };
}

/** What waits for a person. */
export const DESK: readonly Check[] = [{ id: 'API-18', run: desk }];
