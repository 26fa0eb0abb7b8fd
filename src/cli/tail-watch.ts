import { type ApiClient, PAGE_MAX, type Page } from './api-client.js';

/** A notification as a list shows it. */
interface Listed {
  readonly notificationId: string;
  readonly userId: string | null;
  readonly status: string;
  readonly category: string;
  readonly subject: string | null;
  readonly scheduledFor: string | null;
  readonly acceptedAt: string;
  readonly updatedAt: string;
}

/** A notification came into a state. */
export interface Change {
  readonly at: string;
  readonly notificationId: string;
  readonly userId: string | null;
  /** The state before, as it was last seen; null where the notification is new here. */
  readonly from: string | null;
  readonly status: string;
  readonly category: string;
  readonly subject: string | null;
}

interface Audited {
  readonly at: string;
  readonly recordId: string | null;
}

interface Known {
  /** Null: known by its id only. */
  readonly status: string | null;
  readonly acceptedAt: string;
}

const PATH = '/api/v1/notifications';
const OPEN = ['queued', 'scheduled', 'deferred', 'processing'] as const;
/** What is accepted at the same moment may become visible a little out of order: so far back each look looks again. */
const OVERLAP_MS = 5000;
/** So many pages a look reads at most. */
const PAGES_MAX = 200;
/** So many open ones that are not among the newest are asked after in a look, in turn. */
const ASKED_MAX = 50;
/** So many are remembered; past it the ones that were not heard of longest are forgotten. */
const KNOWN_MAX = 50_000;

/**
 * Sees what becomes of notifications, through the API alone. A look reads the newest, page by page, back to where the look
 * before had got; then it asks after those that were open and after what the desk has brought back.
 */
export class TailWatch {
  readonly #client: ApiClient;
  readonly #userId: string | undefined;
  readonly #known = new Map<string, Known>();
  /** What was accepted before this and is not known is not ours to tell. */
  #from = '';
  /** Everything accepted a little before this has been seen. */
  #seenTo = '';
  #auditedTo = '';

  constructor(client: ApiClient, userId: string | undefined) {
    this.#client = client;
    this.#userId = userId;
  }

  /** Begins with what was accepted since then, or from now on. What is open already is known: only its changes are told. */
  async start(since: string | undefined): Promise<void> {
    const newest = await this.#page({});
    // The server's own time: this computer's clock may be another.
    const now = newest.data[0]?.acceptedAt ?? '';
    this.#from = since ?? (now === '' ? '' : later(now, 1));
    this.#seenTo = this.#from;
    this.#auditedTo = this.#from === '' ? new Date(0).toISOString() : this.#from;
    for (const status of OPEN) {
      const { data } = await this.#page({ status });
      for (const each of data) if (each.acceptedAt < this.#from) this.#known.set(each.notificationId, each);
    }
  }

  /** What has happened since the last look, oldest first. */
  async look(): Promise<readonly Change[]> {
    const newest = await this.#newest();
    const changes = newest.flatMap((listed) => this.#changesOf(listed));
    for (const id of await this.#broughtBack()) {
      if (!this.#known.has(id)) this.#known.set(id, { status: null, acceptedAt: this.#seenTo });
    }
    const seen = new Set(newest.map((listed) => listed.notificationId));
    const open = [...this.#known].filter(([id, { status }]) => !seen.has(id) && isOpen(status)).slice(0, ASKED_MAX);
    for (const [id, known] of open) {
      // To the end of the line: everybody has their turn.
      this.#known.delete(id);
      const found = await this.#client.find<Listed>(`${PATH}/${encodeURIComponent(id)}`);
      if (found === null || (this.#userId !== undefined && found.userId !== this.#userId)) continue;
      this.#known.set(id, known);
      changes.push(...this.#changesOf(found));
    }
    this.#forget();
    return changes.sort((a, b) => a.at.localeCompare(b.at));
  }

  #page(query: Readonly<Record<string, string | undefined>>): Promise<Page<Listed>> {
    return this.#client.get<Page<Listed>>(PATH, { userId: this.#userId, limit: PAGE_MAX, ...query });
  }

  async #newest(): Promise<readonly Listed[]> {
    const back = this.#seenTo === '' ? '' : later(this.#seenTo, -OVERLAP_MS);
    const found: Listed[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const { data, nextCursor } = await this.#page({ cursor });
      found.push(...data.filter((each) => each.acceptedAt >= back));
      if (nextCursor === null || (data.at(-1)?.acceptedAt ?? '') < back) break;
      cursor = nextCursor;
    }
    const [first] = found;
    if (first !== undefined && first.acceptedAt > this.#seenTo) this.#seenTo = first.acceptedAt;
    return found.filter((each) => each.acceptedAt >= this.#from || this.#known.has(each.notificationId));
  }

  #changesOf(listed: Listed): readonly Change[] {
    const { notificationId, userId, status, category, subject, acceptedAt, updatedAt, scheduledFor } = listed;
    const known = this.#known.get(notificationId);
    this.#known.set(notificationId, { status, acceptedAt });
    const told = { notificationId, userId, category, subject };
    if (known !== undefined && known.status === status) return [];
    if (known !== undefined) return [{ at: updatedAt, from: known.status, status, ...told }];
    // What was accepted and went on between two looks came into two states.
    const first = scheduledFor !== null && scheduledFor > acceptedAt ? 'scheduled' : 'queued';
    const accepted = { at: acceptedAt, from: null, status: first, ...told };
    return first === status ? [accepted] : [accepted, { at: updatedAt, from: first, status, ...told }];
  }

  /** Records that a person has changed at the desk: what was at rest may have come to life again. */
  async #broughtBack(): Promise<readonly string[]> {
    const path = `/api/v1/desk/audit?since=${encodeURIComponent(this.#auditedTo)}&limit=${PAGE_MAX}`;
    const ids: string[] = [];
    let cursor: string | null = null;
    // A repair of many may bring back hundreds between two looks.
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const next: string = cursor === null ? path : `${path}&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<Audited> | null = await this.#client.find<Page<Audited>>(next);
      const last = page?.data[0]?.at;
      if (pages === 0 && last !== undefined) this.#auditedTo = later(last, 1);
      for (const { recordId } of page?.data ?? []) if (recordId !== null) ids.push(recordId);
      cursor = page?.nextCursor ?? null;
      if (cursor === null) break;
    }
    return ids;
  }

  #forget(): void {
    const settled = this.#seenTo === '' ? '' : later(this.#seenTo, -2 * OVERLAP_MS);
    for (const [id, { status, acceptedAt }] of this.#known) if (!isOpen(status) && acceptedAt < settled) this.#known.delete(id);
    for (const id of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MAX) break;
      this.#known.delete(id);
    }
  }
}

function later(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString();
}

function isOpen(status: string | null): boolean {
  return status === null || OPEN.some((open) => open === status);
}
