import mongoose, { type mongo } from 'mongoose';
import { SignalboxError } from '../../errors.js';

const { MongoBulkWriteError, MongoError, MongoInvalidArgumentError, MongoNetworkError, MongoNetworkTimeoutError } = mongoose.mongo;

/** Another write was in the way of a unique index. */
const DUPLICATE = 11000;
/** How a server on PostgreSQL says so when it builds a unique index over duplicates, and in a findAndModify. */
const CONSTRAINT = /could not create (exclusion|unique) constraint|key value violates (exclusion|unique) constraint/;
/** Two writes waited for each other and this one gave way: MongoDB's write conflict, and what a server on PostgreSQL makes of it. */
const GAVE_WAY: ReadonlySet<unknown> = new Set([16_908_292, 112]);
/** The same of a findAndModify there, under the code of an internal error. */
const DEADLOCK = /deadlock detected/;
const OUT_OF_DISK_SPACE = 14_031;
/**
 * The server is well and will not have what it was given, however often: MongoDB's BadValue, FailedToParse, TypeMismatch, InvalidBSON,
 * DollarPrefixedFieldName, InvalidIdField, DottedFieldName, DocumentValidationFailure, and the three for a document that is too large
 * (`error_codes.yml` of its sources).
 */
const REFUSED: ReadonlySet<unknown> = new Set([2, 9, 14, 22, 52, 53, 57, 121, 10_334, 17_419, 17_420]);

const SIGN_IN_REFUSED = 18;

export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoError && (error.code === DUPLICATE || CONSTRAINT.test(error.message));
}

/** Worth one immediate repetition: the connection broke (not: it was silent), or the write gave way to another. */
export function isPassing(error: unknown): boolean {
  if (error instanceof MongoNetworkTimeoutError) return false;
  return error instanceof MongoNetworkError || (error instanceof MongoError && (GAVE_WAY.has(error.code) || DEADLOCK.test(error.message)));
}

/**
 * A failure of the server or of the way to it, as the project knows it; duplicates, and mistakes of ours, as they are. What is refused
 * for what it is, is `internal`: who waited for the store to come back would wait for ever.
 */
export function translated(error: unknown): unknown {
  if (!(error instanceof MongoError) || isDuplicate(error)) return error;
  if (isRefusal(error)) return new SignalboxError('internal', 'MongoDB refuses what it was given.', { cause: error });
  if (error.code === OUT_OF_DISK_SPACE || /no space left on device|could not extend file/i.test(error.message)) {
    return new SignalboxError('store-full', 'MongoDB has no room left.', { cause: error });
  }
  if (error.code === SIGN_IN_REFUSED) return unavailable('MongoDB refuses the user or the password it is given.', error);
  return unavailable(`MongoDB does not answer as it should (${error.name}).`, error);
}

function isRefusal(error: mongo.MongoError): boolean {
  if (error instanceof MongoInvalidArgumentError || REFUSED.has(error.code)) return true;
  return error instanceof MongoBulkWriteError && [error.writeErrors].flat().some(({ code }) => REFUSED.has(code));
}

export function unavailable(detail: string, cause?: unknown): SignalboxError {
  return new SignalboxError('store-unavailable', detail, cause === undefined ? {} : { cause });
}
