import { type Answer, accept, eventually, type Json, type TestApp, untilStatus, webhookNotification } from '../support/app.js';

export interface Line {
  readonly deliveryId: string;
  readonly recordId: string;
  readonly operationId: string;
  readonly generation: number;
  readonly redrives: number;
  readonly fingerprint: string;
  readonly failure: { readonly code: string } | null;
  readonly status: string;
  readonly reason: string | null;
}

export interface Full extends Line {
  readonly lineage: readonly { readonly generation: number; readonly attempts: number; readonly result: string | null }[];
  readonly ledger: readonly { readonly kind: string; readonly operationId: string; readonly attempt: number }[];
  readonly events: readonly { readonly name: string }[];
}

export interface Operation {
  readonly operationId: string;
  readonly action: string;
  readonly status: string;
  readonly matched: number;
  readonly done: number;
}

export interface Audit {
  readonly action: string;
  readonly actor: string;
  readonly deliveryId: string | null;
  readonly recordId: string;
  readonly at: string;
  readonly rule: string;
  readonly detail: Json;
}

export interface List<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** The desk of a platform under test, in the few sentences in which tests talk to it. */
export class DeskTester {
  constructor(readonly app: TestApp) {}

  /** What the sink does from now on with what comes to this webhook. */
  answers(name: string, then: unknown): Promise<Answer> {
    return this.app.send('PUT', '/sink/behaviour', { name, then });
  }

  refuses(name: string, status = 400): Promise<Answer> {
    return this.answers(name, { do: 'status', status });
  }

  heal(name: string): Promise<Answer> {
    return this.app.send('DELETE', `/sink/behaviour?name=${name}`);
  }

  /** Accepts as many to this webhook, and waits until all are dead. */
  async die(name: string, count = 1, change: Json = {}): Promise<readonly string[]> {
    const { app } = this;
    const ids = await Promise.all(Array.from({ length: count }, () => accept(app, webhookNotification(app, name, change))));
    for (const id of ids) await untilStatus(app, id, ['dead']);
    return ids;
  }

  async lines(path = '/api/v1/dead-letters?limit=100'): Promise<readonly Line[]> {
    return (await this.app.get<List<Line>>(path)).body.data;
  }

  async only(): Promise<Line> {
    const [first, ...others] = await this.lines();
    if (first === undefined || others.length > 0) throw new Error('not just one');
    return first;
  }

  async audit(query = '?limit=100'): Promise<readonly Audit[]> {
    return (await this.app.get<List<Audit>>(`/api/v1/desk/audit${query}`)).body.data;
  }

  /** Waits until the operation has come to its end. */
  ended(operationId: string): Promise<Operation> {
    return eventually(async () => {
      const { body } = await this.app.get<Operation>(`/api/v1/desk/operations/${operationId}`);
      return body.status === 'running' ? null : body;
    });
  }
}
