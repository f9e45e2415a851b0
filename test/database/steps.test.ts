import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stepsOf } from '../../src/database/driver/steps.ts';
import type { Write } from '../../src/database/writes.ts';

const used = (id: string, guard?: string): Write => ({
  ...{ kind: 'update', table: 'T_codes', set: { used: true }, where: { id }, guard },
});
const added = (id: string, ignore?: boolean): Write => ({
  kind: 'insert',
  table: 'T_tokens',
  row: { id },
  ignore,
});

describe('the writes of several units', () => {
  const told = (...writes: Write[]) =>
    stepsOf(writes, 'postgres').map(({ sql, values, rows }) => `${sql.split(' ')[0]} ${rows} ${values}`);

  test('touch rows in one order whichever unit came first, guarded or not, so that none waits for another', () => {
    for (const guard of [undefined, 'consume']) {
      const [a, b, c] = ['a', 'b', 'c'].map((id) => used(id, guard)) as [Write, Write, Write];
      assert.deepEqual(told(a, b, c), ['UPDATE 1 true,a', 'UPDATE 1 true,b', 'UPDATE 1 true,c']);
      assert.deepEqual(told(c, a, b), told(a, b, c));
    }
  });

  test('add rows of one table together, behind what is guarded', () => {
    assert.deepEqual(told(added('a'), used('x', 'consume'), added('b'), added('c')), [
      'UPDATE 1 true,x',
      ...['INSERT 2 a,b', 'INSERT 1 c'],
    ]);
    assert.deepEqual(told(added('a', true), added('b', true)), ['INSERT 1 a', 'INSERT 1 b']);
  });
});
