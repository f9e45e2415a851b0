import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrateLatest, readSchemaStatus } from '../../src/database/migrate.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { latchkey } from '../support/command.ts';
import { createDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { rollBackAll } from '../support/roll-back-all.ts';
import { tableNames } from '../support/rows.ts';

const bin = projectPath('bin/latchkey.js');

/** The CREATE TABLE statement of every table, as the database prints it. */
async function schemaOf(database: Database): Promise<Record<string, string>> {
  const schema: Record<string, string> = {};
  for (const name of (await tableNames(database)).toSorted()) {
    const [[row]] = await database.knex.raw('SHOW CREATE TABLE ??', [name]);
    schema[name] = row['Create Table'];
  }
  return schema;
}

// On MariaDB each statement of a migration commits by itself.
describe('a migration that was interrupted on mariadb', { skip: !engines.includes('mariadb') }, () => {
  async function prepare(t: { after(end: () => unknown): void }) {
    const whole = await createDatabase('mariadb');
    const { url, drop } = await createDatabase('mariadb');
    const [fresh, database] = [openDatabase(whole.url), openDatabase(url)];
    t.after(async () => {
      await Promise.all([fresh.close(), database.close()]);
      await Promise.all([whole.drop(), drop()]);
    });
    await migrateLatest(fresh, whole.url);
    const status = async () => JSON.parse((await latchkey(['db', 'status', '--json'], { url })).stdout);
    return { url, database, status, expected: await schemaOf(fresh) };
  }

  test('is named by db status, and the same command finishes it', async (t) => {
    const { url, database, status, expected } = await prepare(t);
    const { knex } = database;
    // The second table of the third migration cannot be created.
    await knex.raw('CREATE TABLE T_grants (id INT)');
    await knex.raw('INSERT INTO T_grants VALUES (1)');
    const refused = await latchkey(['db', 'migrate'], { url });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /There is a table T_grants with rows in it that no migration made/);
    assert.equal((await knex('T_grants')).length, 1, 'a table of somebody else stays');
    const state = await status();
    assert.deepEqual(state.unfinished, ['0003_protocol']);
    assert.equal(state.current, false);
    assert.match(state.advice, /0003_protocol was interrupted\. Run: npx latchkey db migrate/);

    // As if it was interrupted after CREATE TABLE and before CREATE INDEX.
    await knex.raw('DROP TABLE T_grants');
    await knex.raw('ALTER TABLE T_authorization_requests DROP INDEX I_authorization_requests_uid_hash');
    assert.equal((await latchkey(['db', 'migrate'], { url })).code, 0);
    assert.deepEqual(await schemaOf(database), expected);
    assert.deepEqual((await status()).unfinished, []);
  });

  test('and killed at any statement is finished by the next one', async (t) => {
    for (const table of ['T_authorization_codes', 'T_invitations']) {
      const { url, database, expected } = await prepare(t);
      const env = childEnvironment({ LATCHKEY_DATABASE_URL: url, LATCHKEY_SECRETS: SECRETS.join() });
      const child = spawn(process.execPath, [bin, 'db', 'migrate'], { env, stdio: 'ignore' });
      const ended = new Promise((done) => child.once('exit', done));
      while (child.exitCode === null && !(await database.knex.schema.hasTable(table))) await sleep(1);
      assert.equal(child.exitCode, null, 'the migration was still running');
      child.kill('SIGKILL');
      await ended;
      const { unfinished } = await readSchemaStatus(database);
      t.diagnostic(`killed at ${table}: unfinished ${JSON.stringify(unfinished)}`);
      await migrateLatest(database, url);
      assert.deepEqual(await schemaOf(database), expected, table);
      assert.equal((await readSchemaStatus(database)).current, true);
    }
  });

  test('during a rollback is reported too, and is rolled back again before migrating', async (t) => {
    const { url, database, expected } = await prepare(t);
    await migrateLatest(database, url);
    await database.knex.schema.dropTable('T_invitation_redemptions');
    const state = await readSchemaStatus(database);
    assert.deepEqual([state.current, state.unfinished], [false, ['0004_invitations']]);
    assert.match(String(state.advice), /db rollback, then npx latchkey db migrate/);
    await rollBackAll(database, url);
    await migrateLatest(database, url);
    assert.deepEqual(await schemaOf(database), expected);
    assert.equal((await readSchemaStatus(database)).current, true);
  });
});
