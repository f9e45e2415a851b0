import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { insertInto, selectOne, sql } from '../../src/database/statement-builders.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';

const INSERT = insertInto('T_rate_limits', ['id', 'key_hash', 'points', 'expires_at', 'created_at']);
const SELECT = selectOne({ columns: 'points', from: 'T_rate_limits', where: sql`id = ${'id'}` });

const ALTER: Record<string, string> = {
  postgres: 'ALTER TABLE t_rate_limits ALTER COLUMN points TYPE numeric(20, 0)',
  mariadb: 'ALTER TABLE T_rate_limits MODIFY points DECIMAL(20, 0) NOT NULL',
  mysql: 'ALTER TABLE T_rate_limits MODIFY points DECIMAL(20, 0) NOT NULL',
};

// A column of SQLite cannot change its type.
for (const engine of engines.filter((one) => one !== 'sqlite'))
  test(`a column gets another type under a running server, and statements go on: ${engine}`, async (t) => {
    const { url, drop } = await createMigratedDatabase(engine);
    const database = openDatabase(url, 2);
    t.after(() => database.close().then(drop));
    const id = uuidv7();
    const now = new Date();
    const values = { id, key_hash: id, points: 7, expires_at: now, created_at: now };
    assert.equal(await database.driver.commit([{ statement: INSERT, values }]), undefined);
    const readPoints = async () => Number((await database.driver.readOne(SELECT, { id }))?.points);
    assert.equal(await readPoints(), 7);
    await database.knex.raw(String(ALTER[engine]));
    assert.equal(await readPoints(), 7);
    const more = { ...values, id: uuidv7(), key_hash: uuidv7() };
    assert.equal(await database.driver.commit([{ statement: INSERT, values: more }]), undefined);
    assert.equal(await readPoints(), 7);
  });
