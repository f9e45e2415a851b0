import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrateLatest } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import { insertInto } from '../../src/database/statement-builders.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { engines } from '../support/engines.ts';
import { startThrowaway, temporaryFolder } from '../support/throwaway/index.ts';

const SETTINGS = "autocommit = 0, completion_type = 'CHAIN', sql_select_limit = 1, foreign_key_checks = 0";
const INSERT = insertInto('T_rate_limits', ['id', 'key_hash', 'points', 'expires_at', 'created_at']);

test('MariaDB whose owner changed the defaults of a session: every commit and every row is seen', {
  skip: !engines.includes('mariadb'),
}, async (t) => {
  const server = await startThrowaway('mariadb', temporaryFolder(true), {
    extra: [`--init-connect=SET ${SETTINGS}`],
  });
  t.after(() => server.stop());
  // MariaDB does not run init_connect for root.
  const owner = openDatabase(server.url, 1);
  await owner.knex.raw('CREATE DATABASE latchkey');
  await owner.knex.raw('CREATE USER latchkey');
  await owner.knex.raw('GRANT ALL ON latchkey.* TO latchkey');
  await owner.close();
  const url = Object.assign(new URL(server.url), {
    username: 'latchkey',
    password: '',
    pathname: '/latchkey',
  });
  const database = openDatabase(url.href, 3);
  t.after(() => database.close());
  const { knex, driver } = database;
  await migrateLatest(database, url.href);
  const values = () => {
    const [id, now] = [uuidv7(), new Date()];
    return { id, key_hash: id, points: 1, expires_at: now, created_at: now };
  };
  await driver.commit([{ statement: INSERT, values: values() }]);
  await knex('T_rate_limits').insert(values());
  await inTransaction(knex, (trx) => trx('T_rate_limits').insert(values()));

  const other = openDatabase(url.href, 1);
  t.after(() => other.close());
  assert.equal((await other.knex('T_rate_limits').select('id')).length, 3);
  const [rows] = await other.knex.raw('SELECT @@foreign_key_checks AS value');
  assert.equal(rows[0].value, 1, 'the database still refuses rows of accounts that do not exist');
});
