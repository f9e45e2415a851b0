import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { deleteFrom, selectOne, sql } from '../../src/database/statement-builders.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { isInstalled, startThrowaway, temporaryFolder } from '../support/throwaway/index.ts';

const WRITE = "DELETE FROM T_rate_limits WHERE id = 'x'";
const write = { statement: deleteFrom('T_rate_limits', sql(['id = ', ''], 'id')), values: { id: 'x' } };

describe('a server that takes no writes any longer, because another is the primary now', () => {
  test('is left by the connections to PostgreSQL', { skip: !engines.includes('postgres') }, async (t) => {
    const storage = await createMigratedDatabase('postgres');
    const database = openDatabase(storage.url, 1);
    t.after(async () => {
      await database.close();
      await storage.drop();
    });
    const { knex } = database;
    await knex.raw('SET default_transaction_read_only = on');
    await assert.rejects(async () => knex.raw(WRITE), { code: '25006' });
    await knex.raw(WRITE);
    await knex.raw('SET default_transaction_read_only = on');
    await assert.rejects(
      knex.transaction((trx) => trx.raw(WRITE)),
      { code: '25006' },
    );
    await knex.transaction((trx) => trx.raw(WRITE));
    const forbid = selectOne({ columns: "set_config('default_transaction_read_only', 'on', false) AS one" });
    await database.driver.readOne(forbid, {});
    await assert.rejects(database.driver.commit([write]), { kind: 'unavailable' });
    await database.driver.commit([write]);
  });

  const hasMariadb = engines.includes('mariadb') && isInstalled('mariadb');
  test('is left by the connections to MariaDB', { skip: !hasMariadb }, async (t) => {
    const server = await startThrowaway('mariadb', temporaryFolder(true));
    t.after(() => server.stop());
    const operator = openDatabase(server.url, 1);
    t.after(() => operator.close());
    await operator.knex.raw('CREATE DATABASE app');
    await operator.knex.raw('CREATE TABLE app.T_rate_limits (id VARCHAR(9))');
    // Nothing holds back an account that may do everything.
    await operator.knex.raw("CREATE USER app IDENTIFIED BY 'x'");
    await operator.knex.raw('GRANT ALL ON app.* TO app');
    const url = Object.assign(new URL(server.url), { username: 'app', password: 'x', pathname: '/app' });
    const { knex, driver, close } = openDatabase(url.href, 1);
    t.after(() => close());
    const byKnex = async () => (await knex.raw('SELECT CONNECTION_ID() AS id'))[0][0].id;
    const byDriver = async () =>
      (await driver.readOne(selectOne({ columns: 'CONNECTION_ID() AS id' }), {}))?.id;
    const before = [await byKnex(), await byDriver()];
    assert.deepEqual([await byKnex(), await byDriver()], before);
    await operator.knex.raw('SET GLOBAL read_only = 1');
    await assert.rejects(async () => knex.raw(WRITE), { code: 'ER_OPTION_PREVENTS_STATEMENT' });
    await assert.rejects(driver.commit([write]), { kind: 'unavailable' });
    const after = [await byKnex(), await byDriver()];
    assert.ok(after[0] !== before[0] && after[1] !== before[1], `${before} ${after}`);
  });
});
