import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Driver, Found } from '../../src/database/driver/contract.ts';
import { failFast, withDeadline } from '../../src/database/driver/deadline.ts';
import { selectOne, sql } from '../../src/database/statement-builders.ts';
import { DEADLINE_MS } from '../../src/database/time-limits.ts';

const READ = selectOne({ columns: 'id', from: 'T_accounts', where: sql`id = ${'id'}` });

/** A driver whose calls wait until they are answered, or until the deadline. */
function waitingDriver() {
  const answers: ((row: Found) => void)[] = [];
  const driver: Driver = {
    readOne: () => withDeadline(new Promise<Found>((resolve) => answers.push(resolve))),
    commit: async () => undefined,
    close: async () => {},
  };
  const { readOne } = failFast(driver);
  return { answers, read: () => readOne(READ, { id: 'a' }) };
}

describe('a call to a database without an answer', () => {
  test('makes the next calls fail at once', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { answers, read } = waitingDriver();
    const late = assert.rejects(read(), { code: 'database_unavailable' });
    t.mock.timers.tick(DEADLINE_MS);
    await late;
    await assert.rejects(read(), { code: 'database_unavailable' });
    assert.equal(answers.length, 1);
  });

  test('refuses nobody when the database has answered a later call', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { answers, read } = waitingDriver();
    const late = assert.rejects(read(), { code: 'database_unavailable' });
    t.mock.timers.tick(DEADLINE_MS - 1);
    const answered = read();
    answers[1]?.({ id: 'a' });
    assert.deepEqual(await answered, { id: 'a' });
    t.mock.timers.tick(1);
    await late;
    const next = read();
    answers[2]?.({ id: 'a' });
    assert.deepEqual(await next, { id: 'a' });
  });
});
