import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  failureOf,
  isRefusal,
  isUnanswered,
  markAsDatabase,
  toUnavailable,
} from '../../src/database/driver/failures.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';

const withCode = (code: string, more: object = {}) => Object.assign(new Error('details'), { code }, more);

describe('an error of the database', () => {
  test('means the same for a request on every engine', () => {
    const expected = {
      unavailable: [
        'ECONNREFUSED',
        '57P01',
        '53300',
        'ER_SERVER_SHUTDOWN',
        'SQLITE_FULL',
        'SQLITE_IOERR_FSYNC',
      ],
      locked: ['SQLITE_BUSY', '55P03', 'ER_LOCK_WAIT_TIMEOUT'],
      retry: ['40P01', '40001', '26000', 'ER_LOCK_DEADLOCK'],
      outdated: ['42P01', '42703', 'ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR'],
      duplicate: ['23505', 'ER_DUP_ENTRY', 'SQLITE_CONSTRAINT_UNIQUE'],
    };
    for (const [failure, codes] of Object.entries(expected))
      for (const code of codes) assert.equal(failureOf(markAsDatabase(withCode(code))), failure, code);
  });

  test('is recognised without a code where a client library gives none', () => {
    for (const message of [
      'Connection terminated unexpectedly',
      'timeout expired',
      'select "id" from "t_accounts" - Connection terminated unexpectedly',
    ])
      assert.equal(failureOf(new Error(message)), 'unavailable', message);
    assert.equal(failureOf(withCode('ER_ACCESS_DENIED_ERROR', { fatal: true })), 'unavailable');
  });

  test('by which a server gives a statement or a connection up means that it is unavailable', () => {
    const postgres = ['08P01', '25P03', '53200', '57014', '57P05', '58030', 'XX001'];
    for (const code of postgres)
      assert.equal(failureOf(withCode(code, { severity: 'ERROR' })), 'unavailable', code);
    // The database takes no connections. As an ERROR, the code has other meanings.
    assert.equal(failureOf(withCode('55000', { severity: 'FATAL' })), 'unavailable');
    assert.equal(failureOf(withCode('55000', { severity: 'ERROR' })), undefined);
    for (const code of ['ER_QUERY_INTERRUPTED', 'ER_QUERY_TIMEOUT', 'ER_GET_ERRNO'])
      assert.equal(failureOf(withCode(code, { sqlState: 'HY000' })), 'unavailable', code);
    // mysql2 has no name for MariaDB's timeout of a statement.
    assert.equal(failureOf(Object.assign(new Error('details'), { sqlState: '70100' })), 'unavailable');
  });

  test('about a table that was altered means that the statement can be repeated', () => {
    assert.equal(
      failureOf(withCode('0A000', { severity: 'ERROR', routine: 'RevalidateCachedQuery' })),
      'retry',
    );
    assert.equal(failureOf(withCode('ER_TABLE_DEF_CHANGED')), 'retry');
  });

  test('of a pooler that lost the server leaves the outcome unknown', () => {
    const ofPooler = withCode('08P01', { severity: 'FATAL' });
    assert.deepEqual([isRefusal(ofPooler), isUnanswered(ofPooler)], [false, true]);
    const ofServer = withCode('57P01', { severity: 'FATAL' });
    assert.deepEqual([isRefusal(ofServer), isUnanswered(ofServer)], [true, false]);
  });

  test('that this program caused is not changed, so that it becomes a 500 with its stack in the log', () => {
    for (const error of [
      new TypeError('There is no id for: INSERT INTO T_accounts'),
      new Error('The name pipeline is not known'),
      // Of a visitor's connection.
      withCode('ECONNRESET'),
      withCode('EPIPE'),
      withCode('23502'),
      withCode('ER_PARSE_ERROR'),
      withCode('SQLITE_ERROR'),
      withCode('SQLITE_CONSTRAINT_FOREIGNKEY'),
    ]) {
      assert.equal(failureOf(error), undefined, error.message);
      assert.equal(toUnavailable(error), error);
    }
  });

  test('about a missing table or column means that the schema is not current', () => {
    for (const message of [
      'no such table: T_accounts',
      'select "x" from "T_accounts" - no such column: x',
      'table T_accounts has no column named x',
    ]) {
      const cause = Object.assign(new Error(message), { code: 'SQLITE_ERROR' });
      const error = toUnavailable(cause);
      assert.ok(error instanceof LatchkeyError);
      assert.deepEqual([error.status, error.code, error.cause], [503, 'schema_outdated', cause]);
    }
  });

  test('that is temporary becomes 503 and keeps its cause for the log', () => {
    for (const code of ['ECONNRESET', '55P03']) {
      const cause = markAsDatabase(withCode(code));
      const error = toUnavailable(cause);
      assert.ok(error instanceof LatchkeyError);
      assert.deepEqual([error.status, error.cause], [503, cause]);
    }
  });
});
