import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../errors.js';
import type { ApiKey, KeyDraft, KeyStore, Scope } from '../ports/keys.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { callerOf } from './identity.js';
import type { KeyRing } from './key-ring.js';
import { createRequest, endRequest, listRequest, rotateRequest } from './key-schema.js';
import { digestOf, keyText } from './key-text.js';
import { parse } from './problem.js';

/** What happened to a key, for the log. */
export interface KeyEvent {
  readonly event: 'created' | 'rotated' | 'revoked';
  readonly keyId: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly by: string;
}

interface Deps {
  readonly keys: KeyStore;
  readonly ring: Pick<KeyRing, 'forget'>;
  readonly randomBytes: (count: number) => Buffer;
  readonly onKey: (event: KeyEvent) => void;
}

const DAY_MS = 24 * 3_600_000;
/** Of one tenant, ended ones of the last weeks included: it is services that have keys, not people. */
const MOST = 1000;

/** Making, listing, rotating and revoking API keys, to be mounted at `/api/v1`. The secret of a key is shown once. */
export function keyRoutes(deps: Deps): Router {
  const { keys, ring, onKey } = deps;
  const router = Router();

  router.post('/keys', async (request, response) => {
    const { name, scopes, tenant, expiresInDays } = parse(createRequest, request.body);
    const made = await make(deps, request, {
      name,
      scopes,
      tenant: tenantFor(request, tenant),
      livesMs: daysMs(expiresInDays),
      replaces: null,
    });
    tell(onKey, 'created', made.key, request);
    show(response, made);
  });

  router.get('/keys', async (request, response) => {
    const { tenant, cursor, limit } = parse(listRequest, request.query, 'query');
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    const found = await keys.list({
      tenant: tenantFor(request, tenant),
      limit: limit + 1,
      ...(after === undefined ? {} : { after: { createdAt: after.at, id: after.id } }),
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const more = found.length > limit && last !== undefined;
    response.json({ data: page.map(view), nextCursor: more ? encodeCursor(last.createdAt, last.id) : null });
  });

  router.post('/keys/:id/rotate', async (request, response) => {
    const { tenant, overlapSeconds, expiresInDays } = parse(rotateRequest, request.body ?? {});
    const old = await find(keys, request, tenantFor(request, tenant));
    const { name, scopes } = old;
    // Where nobody says otherwise it lives as long as the old one was to: rotating makes no key for ever of one that ends by itself.
    const own = old.endsAt === null || old.endedBy !== null ? null : old.endsAt - old.createdAt;
    const livesMs = daysMs(expiresInDays) ?? own;
    const made = await make(deps, request, { name, scopes, tenant: old.tenant, livesMs, replaces: old.id });
    // The new one is there before the old one's end is set: a crash between the two leaves one too many, never none.
    const ended = await keys.end(old, overlapSeconds * 1000, callerOf(request).principal);
    ring.forget(old.id);
    tell(onKey, 'rotated', made.key, request);
    show(response, made, { replacedEndsAt: iso(ended?.endsAt ?? null) });
  });

  router.delete('/keys/:id', async (request, response) => {
    const { tenant } = parse(endRequest, request.query, 'query');
    const { id } = request.params;
    const ended = await keys.end({ tenant: tenantFor(request, tenant), id }, 0, callerOf(request).principal);
    if (ended === null) throw notThere();
    ring.forget(id);
    tell(onKey, 'revoked', ended, request);
    response.json(view(ended));
  });

  return router;
}

interface Made {
  readonly key: ApiKey;
  readonly text: string;
}

async function make({ keys, randomBytes }: Deps, request: Request, draft: Omit<KeyDraft, 'id' | 'digest' | 'createdBy'>): Promise<Made> {
  const { principal, scopes: own } = callerOf(request);
  const above = draft.scopes.find((scope) => scope === 'operate' && !own.has(scope));
  if (above !== undefined) throw new SignalboxError('forbidden', `Only a key with the scope ${above} can give it`);
  if ((await keys.list({ tenant: draft.tenant, limit: MOST })).length === MOST) {
    throw new SignalboxError('conflict', `The tenant ${draft.tenant} has ${MOST} keys; it can have no more`);
  }
  const id = randomBytes(8).toString('hex');
  const text = keyText(id, randomBytes(32));
  return { key: await keys.add({ ...draft, id, digest: digestOf(text).toString('hex'), createdBy: principal }), text };
}

/** Its own; another's only for whoever operates the installation. @throws SignalboxError `forbidden` */
function tenantFor(request: Request, wanted: string | undefined): string {
  const { tenant, scopes } = callerOf(request);
  if (wanted === undefined || wanted === tenant) return tenant;
  if (scopes.has('operate')) return wanted;
  throw new SignalboxError('forbidden', 'The keys of another tenant need the scope operate');
}

async function find(keys: KeyStore, request: Request, tenant: string): Promise<ApiKey> {
  const live = await keys.live(String(request.params['id']));
  if (live === null || live.key.tenant !== tenant) throw notThere();
  return live.key;
}

function notThere(): SignalboxError {
  return new SignalboxError('not-found', 'There is no key with this id that could be changed');
}

function tell(onKey: Deps['onKey'], event: KeyEvent['event'], { id, tenant, name, scopes }: ApiKey, request: Request): void {
  onKey({ event, keyId: id, tenant, name, scopes, by: callerOf(request).principal });
}

function show(response: Response, { key, text }: Made, more: object = {}): void {
  // The one time that the secret is to be seen; nothing on the way may keep it.
  response.setHeader('Cache-Control', 'no-store');
  response.status(201).json({ ...view(key), key: text, ...more });
}

function view({ id, tenant, name, scopes, createdBy, createdAt, endsAt, endedBy, replaces }: ApiKey) {
  return { keyId: id, tenant, name, scopes, createdBy, createdAt: iso(createdAt), endsAt: iso(endsAt), endedBy, replaces };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function daysMs(days: number | undefined): number | null {
  return days === undefined ? null : days * DAY_MS;
}
