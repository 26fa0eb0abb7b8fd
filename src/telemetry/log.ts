import { type LoggerOptions, levels, pino, stdSerializers } from 'pino';
import { SignalboxError } from '../errors.js';
import { type Fact, type HandledAs, isStreamFact, type StreamFact } from '../ports/watch.js';
import { redacted } from './redact.js';

export type Log = ReturnType<typeof createLog>;

interface LogOptions {
  readonly level: string;
  readonly worker: string;
  readonly version: string;
  /** Told of each error that is logged as one, with the line's own words. Must not throw. */
  readonly onError?: (error: unknown, place: { readonly message: string; readonly requestId?: string; readonly where?: string }) => void;
}

/** JSON lines on standard output: level as a word, ISO 8601 time, the process's name; personal data redacted. */
export function createLog(options: LogOptions) {
  const { onError } = options;
  return pino({
    ...(onError === undefined ? {} : { hooks: { logMethod: tellingOfErrors(onError) } }),
    level: options.level,
    base: { service: 'signalbox', version: options.version, worker: options.worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: (line) => redacted(line) },
    serializers: { err: (error: Error) => redacted(stdSerializers.err(error), 1) },
  });
}

/**
 * The pipeline's facts as log lines: one wide line per delivery that came to rest or was put off, and one for each
 * thing an operator would ask about. No content and no recipient is ever logged.
 */
export function logFact(log: Log, fact: Fact): void {
  if (isStreamFact(fact)) {
    logStreamFact(log, fact);
    return;
  }
  switch (fact.kind) {
    case 'settled':
      logSettled(log, fact);
      return;
    case 'fenced':
      log.warn(
        { requestId: fact.record.correlation.requestId, recordId: fact.record.id, during: fact.during },
        'write refused: the lease had passed on',
      );
      return;
    case 'lease-lost':
      log.warn({ requestId: fact.record.correlation.requestId, recordId: fact.record.id, why: fact.why }, 'lease lost');
      return;
    case 'breaker':
      if (fact.first !== true) log.warn({ breaker: fact.name, state: fact.state }, `circuit breaker ${fact.state}`);
      return;
    case 'trouble':
      logTrouble(log, fact.where, fact.error);
      return;
    case 'accepted':
    case 'published':
    case 'claimed':
    case 'attempted':
    case 'wake-up-settled':
      log.trace({ fact: fact.kind }, fact.kind);
  }
}

function logStreamFact(log: Log, fact: StreamFact): void {
  switch (fact.kind) {
    case 'messages-handled':
      logHandled(log, fact);
      return;
    case 'partition':
      logPartition(log, fact);
      return;
    case 'stream-fenced':
      log.warn({ partition: fact.partition, during: fact.during }, `Partition ${fact.partition}: refused, it has passed on`);
      return;
    case 'stream-buried':
      for (const { id, tenant, partition } of fact.entries) log.warn({ messageId: id, tenant, partition }, 'dead letter of the stream');
      return;
    case 'stream-settled':
    case 'message-accepted':
      log.trace({ fact: fact.kind }, fact.kind);
  }
}

function logPartition(log: Log, { partition, state }: Extract<Fact, { kind: 'partition' }>): void {
  if (state === 'lost') log.warn({ partition }, `Partition ${partition} lost: somebody else owns it, or may`);
  else log.info({ partition }, `Worker ${state} for partition ${partition}`);
}

function logSettled(log: Log, fact: Extract<Fact, { kind: 'settled' }>): void {
  const { record, delivery } = fact;
  const line = {
    requestId: record.correlation.requestId,
    tenant: record.tenant,
    workload: record.workload,
    recordId: record.id,
    deliveryId: delivery.id,
    operationId: delivery.operationId,
    channel: delivery.channel,
    status: delivery.status,
    reason: delivery.reason,
    attempts: delivery.attempts,
    claims: record.claims,
    code: delivery.failure?.code,
    dueAt: delivery.dueAt === null ? undefined : new Date(delivery.dueAt).toISOString(),
    sinceAcceptMs: Math.round(fact.sinceAcceptMs),
  };
  if (delivery.status === 'dead' || delivery.status === 'held') log.warn(line, `delivery ${delivery.status}`);
  else log.info(line, `delivery ${delivery.status}`);
}

/** A line for a batch, not for each message; one for each that failed. */
function logHandled(log: Log, { handled, durationMs }: Extract<Fact, { kind: 'messages-handled' }>): void {
  const partition = handled[0]?.entry.partition;
  const of = (result: HandledAs) => handled.filter((one) => one.result === result);
  const ids = (some: typeof handled): readonly string[] => some.map(({ entry }) => entry.id);
  const stored = of('success');
  const known = of('duplicate');
  if (stored.length > 0) log.info({ partition, durationMs: Math.round(durationMs), messageIds: ids(stored) }, `Persisted ${stored.length}`);
  if (known.length > 0) log.info({ partition, messageIds: ids(known) }, `Idempotent ${known.length}: stored before`);
  for (const { entry, code } of of('error')) {
    const { id: messageId, tenant, deliveries, attempts } = entry;
    log.warn({ partition, messageId, tenant, deliveries, attempts, code }, 'Failed to store a message');
  }
}

/** A server that is away is no mistake of ours: a line says so, and nobody needs the way through the code to it. */
function logTrouble(log: Log, where: string, error: unknown): void {
  if (error instanceof SignalboxError && error.retryable)
    log.warn({ where, code: error.code, detail: error.message }, 'trouble: will be tried again');
  else log.error({ where, err: error }, 'trouble: will be tried again');
}

type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>;

/** Every way on which an error is logged leads here, so that none has to remember to tell of it. */
function tellingOfErrors(onError: NonNullable<LogOptions['onError']>): LogMethod {
  const error = levels.values['error'] ?? Number.POSITIVE_INFINITY;
  return function tell(args, method, level) {
    const [line, message = ''] = args as unknown as [unknown, string?];
    if (level >= error && typeof line === 'object' && line !== null && 'err' in line) {
      const { requestId, where } = line as { readonly requestId?: string; readonly where?: string };
      onError(line.err, { message, ...(requestId === undefined ? {} : { requestId }), ...(where === undefined ? {} : { where }) });
    }
    method.apply(this, args);
  };
}
