import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deleteFrom, insertInto, selectOne, sql, update } from '../../src/database/statement-builders.ts';
import { bindValues } from '../../src/database/writes.ts';

describe('a declared statement', () => {
  test('is written for each engine, with a place for each value', () => {
    const change = update('T_codes', {
      set: ['payload'],
      merge: 'authorizations',
      where: sql`id = ${'id'} AND used_at IS NULL AND note <> 'why?'`,
    });
    assert.deepEqual(change.names, ['payload', 'authorizations', 'id']);
    assert.equal(
      change.sql('sqlite'),
      "UPDATE T_codes SET payload = ?, authorizations = json_patch(authorizations, ?) WHERE id = ? AND used_at IS NULL AND note <> 'why?'",
    );
    assert.equal(
      change.sql('postgres'),
      "UPDATE T_codes SET payload = $1, authorizations = jsonb_strip_nulls(authorizations::jsonb || $2::jsonb)::text WHERE id = $3 AND used_at IS NULL AND note <> 'why?'",
    );
    assert.equal(
      change.sql('mysql'),
      "UPDATE T_codes SET payload = ?, authorizations = JSON_MERGE_PATCH(authorizations, ?) WHERE id = ? AND used_at IS NULL AND note <> 'why?'",
    );
    assert.equal(
      deleteFrom('T_codes', sql`id = ${'id'}`).sql('postgres'),
      'DELETE FROM T_codes WHERE id = $1',
    );
  });

  test('adds several rows, and leaves existing rows unchanged', () => {
    const insert = insertInto('T_codes', ['id', 'code']);
    assert.equal(insert.sql('postgres', 2), 'INSERT INTO T_codes (id, code) VALUES ($1, $2), ($3, $4)');
    assert.equal(insert.sql('mysql'), 'INSERT INTO T_codes (id, code) VALUES (?, ?)');
    const unlessThere = insertInto('T_codes', ['id'], { onConflict: 'nothing' });
    assert.equal(unlessThere.sql('sqlite'), 'INSERT INTO T_codes (id) VALUES (?) ON CONFLICT DO NOTHING');
  });

  test('reads for several requests at once, also with a join or an order', () => {
    const select = selectOne({
      columns: 'c.code',
      from: sql`T_codes c JOIN T_clients a ON a.id = ${'client'}`,
      where: sql`c.id > ${'last'}`,
      orderBy: 'c.id',
    });
    assert.equal(
      select.sql('postgres', 2),
      '(SELECT 0 AS read_index, c.code FROM T_codes c JOIN T_clients a ON a.id = $1 WHERE c.id > $2 ORDER BY c.id LIMIT 1)' +
        ' UNION ALL ' +
        '(SELECT 1 AS read_index, c.code FROM T_codes c JOIN T_clients a ON a.id = $3 WHERE c.id > $4 ORDER BY c.id LIMIT 1)',
    );
  });

  test('is the same string at each call, so that it is prepared once', () => {
    const insert = insertInto('T_codes', ['id', 'code']);
    assert.ok(Object.is(insert.sql('mysql', 4), insert.sql('mysql', 4)));
  });

  test('binds its values in the order of their places, and refuses to run without one of them', () => {
    const statement = update('T_codes', { set: ['used_at', 'is_used'], where: sql`id = ${'id'}` });
    const values = { id: 'a', is_used: true, used_at: new Date('2026-01-02T03:04:05.678Z') };
    assert.deepEqual(bindValues({ statement, values }, 'postgres'), [
      '2026-01-02 03:04:05.678+00',
      true,
      'a',
    ]);
    assert.deepEqual(bindValues({ statement, values }, 'mysql'), ['2026-01-02 03:04:05.678', 1, 'a']);
    const lacking = { statement, values: { ...values, id: undefined as unknown as string } };
    assert.throws(() => bindValues(lacking, 'sqlite'), /There is no id for: UPDATE T_codes/);
  });
});
