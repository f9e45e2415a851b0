import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stepsOf } from '../../src/database/driver/steps.ts';
import { insertInto, sql, update } from '../../src/database/statement-builders.ts';
import type { Write } from '../../src/database/writes.ts';

const USE_CODE = update('T_codes', { set: ['used'], where: sql`id = ${'id'}` });
const INSERT_TOKEN = insertInto('T_tokens', ['id']);
const INSERT_NEW_TOKEN = insertInto('T_tokens', ['id'], { onConflict: 'nothing' });

const used = (id: string, guard?: string): Write => ({
  statement: USE_CODE,
  values: { used: true, id },
  guard,
});
const added = (id: string, statement = INSERT_TOKEN): Write => ({ statement, values: { id } });

describe('the writes of several units', () => {
  const describeSteps = (...writes: Write[]) =>
    stepsOf(writes, 'postgres').map(({ statement, values, times }) => `${statement.kind} ${times} ${values}`);

  test('touch rows in the same order in every unit, guarded or not, so that none waits for another', () => {
    for (const guard of [undefined, 'consume']) {
      const [a, b, c] = ['a', 'b', 'c'].map((id) => used(id, guard)) as [Write, Write, Write];
      assert.deepEqual(describeSteps(a, b, c), ['update 1 true,a', 'update 1 true,b', 'update 1 true,c']);
      assert.deepEqual(describeSteps(c, a, b), describeSteps(a, b, c));
    }
  });

  test('add the rows of a table together, after the guarded writes', () => {
    assert.deepEqual(describeSteps(added('a'), used('x', 'consume'), added('b'), added('c')), [
      'update 1 true,x',
      'insert 2 a,b',
      'insert 1 c',
    ]);
    assert.deepEqual(describeSteps(added('a', INSERT_NEW_TOKEN), added('b', INSERT_NEW_TOKEN)), [
      'insert 1 a',
      'insert 1 b',
    ]);
  });
});
