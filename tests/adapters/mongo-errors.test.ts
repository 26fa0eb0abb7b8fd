import { describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import { isDuplicate, isPassing, translated } from '../../src/adapters/mongo/errors.js';

/** As servers were seen to say it: MongoDB by its code; one on PostgreSQL by another code for each kind of command. */
describe('What a server of MongoDB’s protocol says', () => {
  it.each([
    ['a write conflict', { code: 112, message: 'WriteConflict' }],
    ['a deadlock of an update', { code: 16_908_292, message: 'deadlock detected' }],
    ['a deadlock of a findAndModify', { code: 1, message: 'deadlock detected' }],
  ])('is worth an immediate repetition: %s', (_, said) => {
    expect(isPassing(new mongo.MongoServerError(said))).toBe(true);
  });

  it.each([
    ['an insert', { code: 11_000, message: 'E11000 duplicate key error' }],
    ['a findAndModify', { code: 1, message: 'conflicting key value violates exclusion constraint "documents_rum_index_36"' }],
    ['a new index', { code: 1, message: 'could not create unique constraint' }],
  ])('is a duplicate, and stays one: %s', (_, said) => {
    const error = new mongo.MongoServerError(said);
    expect(isDuplicate(error)).toBe(true);
    expect(isPassing(error)).toBe(false);
    expect(translated(error)).toBe(error);
  });

  it.each([
    ['a value', new mongo.MongoServerError({ code: 2, message: 'BadValue' })],
    ['a document by a rule', new mongo.MongoServerError({ code: 121, message: 'Document failed validation' })],
    ['a document for its size', new mongo.MongoServerError({ code: 10_334, message: 'BSONObj size is invalid' })],
    ['it, by the driver, before it is sent', new mongo.MongoInvalidArgumentError('Document is larger than the maximum size')],
  ])('is no failure of the store when it refuses %s: to try again would not help', (_, error) => {
    expect(translated(error)).toMatchObject({ code: 'internal', retryable: false });
  });

  it('is neither when it is anything else: then the store is unavailable', () => {
    const error = new mongo.MongoServerError({ code: 1, message: 'out of shared memory' });
    expect([isDuplicate(error), isPassing(error)]).toEqual([false, false]);
    expect(translated(error)).toMatchObject({ code: 'store-unavailable' });
  });

  it('is told for what it is where the sign-in is refused', () => {
    const error = new mongo.MongoServerError({ code: 18, message: 'Authentication failed.' });
    expect(translated(error)).toMatchObject({
      code: 'store-unavailable',
      message: 'MongoDB refuses the user or the password it is given.',
    });
  });
});
