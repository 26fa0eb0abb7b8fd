/**
 * Every error of the project that crosses a module, in one table: its code, the HTTP status it becomes, and whether
 * trying the same thing again can help.
 */
export const ERRORS = {
  'invalid-request': { status: 400, title: 'The request is not valid', retryable: false },
  'malformed-json': { status: 400, title: 'The body is not valid JSON', retryable: false },
  unauthorized: { status: 401, title: 'A credential is needed', retryable: false },
  forbidden: { status: 403, title: 'This is not allowed', retryable: false },
  'not-found': { status: 404, title: 'There is no such thing', retryable: false },
  conflict: { status: 409, title: 'The state does not allow this', retryable: false },
  'migration-under-way': { status: 409, title: 'Somebody else is migrating the store', retryable: true },
  'record-busy': { status: 409, title: 'A worker holds the record just now', retryable: true },
  'message-pending': { status: 409, title: 'The message is not stored yet', retryable: true },
  'precondition-failed': { status: 412, title: 'It has been changed since', retryable: false },
  'payload-too-large': { status: 413, title: 'The body is too large', retryable: false },
  'unsupported-media-type': { status: 415, title: 'The body must be application/json', retryable: false },
  'idempotency-conflict': { status: 422, title: 'The idempotency key was used with another body', retryable: false },
  'rate-limited': { status: 429, title: 'Too many requests', retryable: true },
  'backlog-full': { status: 429, title: 'The backlog is full', retryable: true },
  'too-many-streams': { status: 429, title: 'Too many streams of one person', retryable: true },
  internal: { status: 500, title: 'Something went wrong on our side', retryable: false },
  'store-unavailable': { status: 503, title: 'The store does not answer', retryable: true },
  'store-full': { status: 507, title: 'The store has no room left', retryable: true },
  'queue-unavailable': { status: 503, title: 'The queue does not answer', retryable: true },
  'streams-full': { status: 503, title: 'No room for another stream', retryable: true },
  draining: { status: 503, title: 'The server is shutting down', retryable: true },
  'store-refused': { status: 500, title: 'The data file cannot be used', retryable: false },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** One invalid place in a request: an RFC 6901 pointer into the body, or `?name`, or `header: name`. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** The one error class that crosses modules; `code` tells them apart. `detail` is for a person and holds no secret. */
export class SignalboxError extends Error {
  readonly code: ErrorCode;
  readonly fields: readonly FieldError[];
  /** Seconds after which a retry makes sense, where known. */
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, detail: string, options: { fields?: readonly FieldError[]; retryAfterS?: number; cause?: unknown } = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SignalboxError';
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfterS = options.retryAfterS;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
