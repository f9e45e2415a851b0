import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrateLatest } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import { createReadiness } from '../../src/database/readiness.ts';
import type { Logger } from '../../src/kit/log.ts';
import { createDatabase } from '../support/databases.ts';

test('a database that does not answer is reported, and its error logged once for each outage', async (t) => {
  let isDown = true;
  const cause = new Error('connect ECONNREFUSED 10.0.0.7:5432');
  const ping = async () => {
    if (isDown) throw cause;
  };
  const logged: { err: unknown }[] = [];
  const log = { error: (line: { err: unknown }) => logged.push(line) } as unknown as Logger;
  const { url, drop } = await createDatabase('sqlite');
  const database = openDatabase(url);
  t.after(() => database.close().then(drop));
  await migrateLatest(database, url);
  const findProblem = createReadiness({ ...database, ping }, log);

  assert.match(String(await findProblem()), /database does not answer/);
  await findProblem();
  assert.deepEqual(logged, [{ event: 'database_unavailable', err: cause }]);
  isDown = false;
  assert.equal(await findProblem(), undefined);
  isDown = true;
  await findProblem();
  assert.equal(logged.length, 2);
});
