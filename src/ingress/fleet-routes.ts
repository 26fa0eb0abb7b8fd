import { Router } from 'express';
import type { Duties } from '../ports/duties.js';
import type { SeenMember } from '../ports/fleet.js';

interface Deps {
  /** Those alive. Rejects when the store does not answer. */
  readonly members: () => Promise<readonly SeenMember[]>;
  readonly duties: Pick<Duties, 'held'>;
}

/** `GET /fleet`: who lives, what each holds, and what it does for all. Registered before anything that takes an id there. */
export function fleetRoutes({ members, duties }: Deps): Router {
  const router = Router();
  router.get('/fleet', async (_request, response) => {
    const [alive, held] = await Promise.all([members(), duties.held()]);
    const data = alive.map((member) => {
      const own = held.filter(({ holder }) => holder === member.workerId).map(({ duty }) => duty);
      return view(member, own.sort());
    });
    const connections = alive.reduce((sum, member) => sum + member.connections, 0);
    response.json({ data, nextCursor: null, connections });
  });
  return router;
}

function view(member: SeenMember, duties: readonly string[]): object {
  const { workerId, state, roles, host, pid, port, version, holds, processed, failed, connections } = member;
  return {
    workerId,
    state,
    roles,
    held: holds,
    processed,
    failed,
    connections,
    duties,
    host,
    pid,
    port,
    version,
    startedAt: new Date(member.startedAt).toISOString(),
    seenAt: new Date(member.seenAt).toISOString(),
    livesUntil: new Date(member.livesUntil).toISOString(),
  };
}
