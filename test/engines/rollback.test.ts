import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { migrateLatest, readSchemaStatus } from '../../src/database/migrate.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { planRollback, rollBack } from '../../src/database/rollback.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { tableNames } from '../support/rows.ts';
import { findProgram } from '../support/throwaway/program.ts';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

const PRODUCTION = { NODE_ENV: 'production', LATCHKEY_ISSUER: 'https://id.harbour.example' };

const COLUMNS = {
  sqlite:
    "SELECT t.name AS of, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
  postgres:
    'SELECT table_name AS of, column_name AS name FROM information_schema.columns WHERE table_schema = current_schema()',
  mysql:
    'SELECT table_name AS of, column_name AS name FROM information_schema.columns WHERE table_schema = database()',
};

/** `table` and `table.column` of everything in the schema. */
async function contentsOf(database: Database): Promise<Set<string>> {
  const tables = (await tableNames(database)).map((table) => table.toLowerCase());
  const answer = await database.knex.raw(COLUMNS[database.engine]);
  const rows: { of: string; name: string }[] =
    answer.rows ?? (database.engine === 'mysql' ? answer[0] : answer);
  const columns = rows.filter(({ of }) => tables.includes(of.toLowerCase()));
  return new Set([...tables, ...columns.map(({ of, name }) => `${of}.${name}`.toLowerCase())]);
}

for (const engine of engines) {
  describe(`latchkey db rollback on ${engine}`, () => {
    async function open(t: { after(end: () => unknown): void }) {
      const { url, drop } = await createMigratedDatabase(engine);
      const database = openDatabase(url);
      t.after(() => database.close().then(drop));
      const status = () => readSchemaStatus(database);
      return { url, database, status };
    }

    test('names before each step exactly the tables and columns that the step deletes, and each can be applied again', async (t) => {
      const { url, database } = await open(t);
      const whole = await contentsOf(database);
      await rollBack(database, url);
      await migrateLatest(database, url);
      assert.deepEqual(await contentsOf(database), whole);
      let before = whole;
      for (;;) {
        const plan = await planRollback(database);
        if (plan === undefined) break;
        assert.equal(await rollBack(database, url), plan.migration);
        const after = await contentsOf(database);
        const named = new Set(
          plan.losses.map(({ table, column }) => (column ? `${table}.${column}` : table).toLowerCase()),
        );
        const lost = [...before].filter((one) => !after.has(one));
        const isOfLostTable = (one: string) => one.includes('.') && named.has(String(one.split('.')[0]));
        assert.deepEqual(
          lost.filter((one) => !isOfLostTable(one)).toSorted(),
          [...named].toSorted(),
          plan.migration,
        );
        before = after;
      }
      assert.deepEqual(await tableNames(database), []);
      await migrateLatest(database, url);
      assert.deepEqual(await contentsOf(database), whole);
    });

    test('undoes one migration, and only with --yes where nobody can be asked', async (t) => {
      const { url, status } = await open(t);
      const { applied } = await status();
      const refused = await latchkey(['db', 'rollback'], { url });
      assert.deepEqual([refused.code, refused.stdout], [2, '']);
      assert.match(refused.stderr, new RegExp(`undoes ${applied.at(-1)}`));
      assert.match(refused.stderr, /add --yes/);
      assert.deepEqual((await status()).applied, applied);
      const { code, stdout } = await latchkey(['db', 'rollback', '--yes', '--json'], { url });
      assert.deepEqual([code, JSON.parse(stdout).undone], [0, applied.slice(-1)]);
      assert.deepEqual((await status()).applied, applied.slice(0, -1));
    });

    test('is refused in production while rows would be deleted', async (t) => {
      const world = await openWorld(t, engine);
      const { url } = world.storage;
      await world.createAccount();
      await world.createClient();
      const { applied } = await readSchemaStatus(world.database);
      const production = { url, env: PRODUCTION };
      // Migrations that delete no rows may go first.
      let refused = await latchkey(['db', 'rollback', '--yes'], production);
      for (let undone = 1; refused.code === 0 && undone < applied.length; undone += 1)
        refused = await latchkey(['db', 'rollback', '--yes'], production);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /would delete .*T_\w+\.\w+ \(1 row\).*Restore a backup.*--delete-rows/);
      const left = (await readSchemaStatus(world.database)).applied;
      assert.deepEqual(left, applied.slice(0, left.length));
      const explicit = await latchkey(['db', 'rollback', '--yes', '--delete-rows'], production);
      assert.equal(explicit.code, 0, explicit.stderr);
    });

    test('under a running server gives 503 from then on, in /readyz too, and 200 after the next migration', async (t) => {
      const world = await openWorld(t, engine);
      const server = await world.start();
      const client = await world.createClient({ grantTypes: ['client_credentials'], redirectUris: [] });
      const headers = {
        authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
      };
      const token = async () => {
        const body = new URLSearchParams({ grant_type: 'client_credentials' });
        return (await fetch(`${server.issuer}/token`, { method: 'POST', headers, body })).status;
      };
      const readiness = async () => (await fetch(`${server.issuer}/readyz`)).status;
      assert.deepEqual([await token(), await readiness()], [200, 200]);
      if (engine !== 'sqlite') {
        const { connections = 0 } = (await planRollback(world.database)) ?? {};
        assert.ok(connections > 0, 'the connections of the server are counted');
      }
      while (await rollBack(world.database, world.storage.url));
      assert.deepEqual([await token(), await readiness()], [503, 503]);
      assert.doesNotMatch(server.output(), /"level":60/);
      await migrateLatest(world.database, world.storage.url);
      assert.equal(await readiness(), 200);
    });
  });
}

test('at a terminal, the name of the database is asked for', { skip: !findProgram('script') }, async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const env = childEnvironment({ LATCHKEY_DATABASE_URL: url, LATCHKEY_SECRETS: SECRETS.join() });
  const answer = (typed: string) => {
    const command = `"${process.execPath}" "${projectPath('bin/latchkey.js')}" db rollback`;
    const line = `(sleep 2; echo "${typed}"; sleep 1) | script --quiet --return --command '${command}' /dev/null; true`;
    return execFileSync('/bin/sh', ['-c', line], { env, encoding: 'utf8' });
  };
  assert.match(
    answer('yes'),
    /Type the name of the database, test\.sqlite, to go on: [\s\S]*Nothing was changed/,
  );
  assert.match(answer('test.sqlite'), /Undid 00\d\d_/);
});
