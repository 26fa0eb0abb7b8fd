import { type Request, type Response, Router } from 'express';
import { SignalboxError } from '../../errors.js';
import { identityOf } from '../../ingress/identity.js';
import { invalid } from '../../ingress/problem.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { Choices, PeopleStore, Person, PersonKey } from '../../ports/people.js';
import { type PreferencesRequest, preferencesRequest, userName } from './people-schema.js';
import type { Phones } from './phone.js';
import { NOT_A_PHONE } from './submission.js';

interface Deps {
  readonly people: Pick<PeopleStore, 'get' | 'put'>;
  readonly pipeline: Pick<Pipeline, 'reconsider'>;
  readonly phones: Phones;
  /** Categories that nobody can switch off. */
  readonly criticalCategories: readonly string[];
}

/** What people choose, to be mounted at `/api/v1/users`. */
export function peopleRoutes(deps: Deps): Router {
  const schema = preferencesRequest(deps.criticalCategories);
  const router = Router();

  router.get('/:userId/preferences', async (request, response) => {
    const key = keyOf(request);
    answer(response, key, await deps.people.get(key));
  });

  router.put('/:userId/preferences', async (request, response) => {
    const key = keyOf(request);
    const ifVersion = versionAsked(request);
    const parsed = schema.safeParse(request.body);
    if (!parsed.success) throw invalid(parsed.error);
    const choices = await choicesOf(parsed.data, deps.phones);
    const { outcome, person } = await deps.people.put(key, choices, ifVersion);
    if (outcome === 'conflict') {
      const detail = `The preferences are at version ${person?.version ?? 0}: read them again`;
      throw new SignalboxError('precondition-failed', detail, { fields: [{ pointer: 'header: If-Match', detail: 'is another version' }] });
    }
    // Durable already; what waits is looked at while the answer goes out.
    deps.pipeline.reconsider();
    answer(response, key, person);
  });

  return router;
}

/** @throws SignalboxError `invalid-request` where the path names nobody */
function keyOf(request: Request): PersonKey {
  const userId = userName.safeParse(request.params['userId']);
  if (userId.success) return { tenant: identityOf(request).tenant, userId: userId.data };
  const detail = userId.error.issues[0]?.message ?? 'is no user id';
  throw new SignalboxError('invalid-request', `The user id ${detail}`, { fields: [{ pointer: 'path: userId', detail }] });
}

/** The version that `If-Match` asks for; null: none in particular. @throws SignalboxError where it is none of ours */
function versionAsked(request: Request): number | null {
  const header = request.get('If-Match')?.trim();
  if (header === undefined || header === '*') return null;
  const version = /^"(0|[1-9]\d{0,14})"$/.exec(header)?.[1];
  if (version !== undefined) return Number(version);
  const detail = 'must be the ETag of the preferences, e.g. "3"';
  throw new SignalboxError('invalid-request', `If-Match ${detail}`, { fields: [{ pointer: 'header: If-Match', detail }] });
}

/** @throws SignalboxError naming the phone number where it is none */
async function choicesOf(request: PreferencesRequest, phones: Phones): Promise<Choices> {
  const { phone, email, webhook, pushToken } = request.contacts;
  const number = phone === undefined ? undefined : (await phones())(phone);
  if (number === null) {
    throw new SignalboxError('invalid-request', `/contacts/phone ${NOT_A_PHONE}`, {
      fields: [{ pointer: '/contacts/phone', detail: NOT_A_PHONE }],
    });
  }
  return {
    contacts: {
      ...(email === undefined ? {} : { email }),
      ...(number === undefined ? {} : { phone: number }),
      ...(webhook === undefined ? {} : { webhook }),
      ...(pushToken === undefined ? {} : { pushToken }),
    },
    channels: given(request.channels),
    categories: Object.fromEntries(Object.entries(request.categories).map(([category, channels]) => [category, given(channels)])),
    quietHours: request.quietHours,
  };
}

function given(switches: Readonly<Record<string, boolean | undefined>>): Record<string, boolean> {
  const entries = Object.entries(switches).filter((entry): entry is [string, boolean] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

/** Whoever never chose anything is shown as having chosen nothing, at version 0. */
function answer(response: Response, { userId }: PersonKey, person: Person | null): void {
  const { contacts = {}, channels = {}, categories = {}, quietHours = null, version = 0, updatedAt = null } = person ?? {};
  response.setHeader('ETag', `"${version}"`);
  response.json({
    userId,
    contacts,
    channels,
    categories,
    quietHours,
    version,
    updatedAt: updatedAt === null ? null : new Date(updatedAt).toISOString(),
  });
}
