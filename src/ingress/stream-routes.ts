import { type Response, Router } from 'express';
import { z } from 'zod';
import { SignalboxError } from '../errors.js';
import { partitionOf } from '../ports/partition.js';
import type { Layout, ParkedKey, StreamPorts } from '../ports/stream.js';
import { identityOf } from './identity.js';
import { parse } from './problem.js';

interface Deps {
  /** By name; null: this one is not there, since nothing is configured to hold it. */
  readonly streams: ReadonlyMap<string, StreamPorts | null>;
}

const partitionsBody = z.strictObject({ partitions: z.int().min(1).max(1_024) });
const keyed = z.strictObject({ key: z.string().min(1).max(256) });
/** Keys that stand still, shown at once. */
const PARKED_SHOWN = 100;

/** What people see of a log and do with it, whoever consumes: to be mounted at `/api/v1`. */
export function streamRoutes(deps: Deps): Router {
  const router = Router();
  const of = (stream: unknown): StreamPorts => find(deps, stream);

  router.get('/streams/:stream', async (request, response) => {
    const stream = of(request.params.stream);
    const [layout, paused, depth, holders] = await Promise.all([
      stream.control.layout(),
      stream.control.paused(),
      stream.log.depth(),
      stream.leases.holders(),
    ]);
    const owners = new Map(holders.map(({ partition, owner, fence }) => [partition, { owner, fence }]));
    const partitions = depth.map((one) => ({ ...one, ...(owners.get(one.partition) ?? { owner: null, fence: null }) }));
    response.json({ stream: request.params.stream, paused, ...layoutView(layout), depth: partitions });
  });

  const pause = (paused: boolean) => async (request: { params: { stream: string } }, response: Response) => {
    await of(request.params.stream).control.pause(paused);
    response.json({ stream: request.params.stream, paused });
  };
  router.post('/streams/:stream/pause', pause(true));
  router.post('/streams/:stream/resume', pause(false));

  // 202: what there is of the old layout is worked off first; the stream itself tells how much is left.
  router.post('/streams/:stream/partitions', async (request, response) => {
    const { partitions } = parse(partitionsBody, request.body);
    const layout = await of(request.params.stream).control.repartition(partitions);
    response.status(layout.moving === null ? 200 : 202).json({ stream: request.params.stream, ...layoutView(layout) });
  });

  router.get('/streams/:stream/partition', async (request, response) => {
    const { key } = parse(keyed, request.query, 'query');
    const { partitions } = await of(request.params.stream).control.layout();
    response.json({ stream: request.params.stream, key, partition: partitionOf(key, partitions), partitions });
  });

  router.get('/streams/:stream/parked', async (request, response) => {
    const parked = await of(request.params.stream).desk.parked(identityOf(request).tenant, PARKED_SHOWN);
    response.json({ data: parked.map(parkedView) });
  });

  router.post('/streams/:stream/release', async (request, response) => {
    const { key } = parse(keyed, request.body);
    const released = await of(request.params.stream).desk.release({ tenant: identityOf(request).tenant, key });
    response.json({ key, released });
  });

  return router;
}

/** @throws SignalboxError `not-found` */
function find({ streams }: Deps, name: unknown): StreamPorts {
  const stream = typeof name === 'string' ? streams.get(name) : undefined;
  if (stream === null) throw new SignalboxError('not-found', 'This stream is not there: nothing is configured to hold it (REDIS_URL)');
  if (stream === undefined) throw new SignalboxError('not-found', `There are these streams: ${[...streams.keys()].join(', ')}`);
  return stream;
}

function layoutView({ epoch, partitions, moving }: Layout) {
  return { epoch, partitions, moving };
}

function parkedView({ key, partition, waiting, attempts, dueInMs, failure }: ParkedKey) {
  return { key, partition, waiting, attempts, state: dueInMs === null ? 'held' : 'retrying', dueInMs, failure };
}
