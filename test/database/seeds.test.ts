import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { createDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';

function seed(url: string, env: Record<string, string> = {}): Promise<{ code: number; stderr: string }> {
  const settings = childEnvironment({
    LATCHKEY_DATABASE_URL: url,
    LATCHKEY_SECRETS: SECRETS.join(','),
    ...env,
  });
  return new Promise((done) => {
    execFile(
      process.execPath,
      [projectPath('dist/scripts/seed.js')],
      { env: settings },
      (error, _stdout, stderr) => {
        done({ code: error ? Number(error.code ?? 1) : 0, stderr });
      },
    );
  });
}

for (const engine of engines) {
  describe(`the seeds on ${engine}`, () => {
    test('restore their rows under the same ids, and write no row twice', async (t) => {
      const { url, drop } = await createDatabase(engine);
      t.after(drop);
      assert.equal((await seed(url)).code, 0);
      const database = openDatabase(url);
      t.after(() => database.close());
      const tables = ['T_accounts', 'T_credentials', 'T_oauth_clients', 'T_oauth_client_secrets'];
      const read = () => Promise.all(tables.map((table) => database.knex(table).orderBy('id')));
      const before = await read();
      await database.knex('T_accounts').where({ username: 'ada' }).update({ name: 'Somebody' });
      assert.equal((await seed(url)).code, 0);
      assert.deepEqual(await read(), before);
      assert.deepEqual(
        before.map((rows) => rows.length),
        [2, 2, 1, 1],
      );
    });
  });
}

test('the seeds refuse production and write nothing', async (t) => {
  const { url, drop } = await createDatabase('sqlite');
  t.after(drop);
  const { code, stderr } = await seed(url, {
    NODE_ENV: 'production',
    LATCHKEY_ISSUER: 'https://id.harbour.example',
  });
  assert.equal(code, 1);
  assert.match(stderr, /development/);
});
