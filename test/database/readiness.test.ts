import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from '../../src/database/open.ts';
import { createReadiness } from '../../src/database/readiness.ts';
import type { Logger } from '../../src/kit/log.ts';

test('a database that does not answer is reported, and its error logged once for each outage', async () => {
  let isDown = true;
  const cause = new Error('connect ECONNREFUSED 10.0.0.7:5432');
  const ping = async () => {
    if (isDown) throw cause;
  };
  const logged: { err: unknown }[] = [];
  const log = { error: (line: { err: unknown }) => logged.push(line) } as unknown as Logger;
  const knex = Object.assign(() => ({ count: async () => [{ n: 0 }] }), {
    migrate: { list: async () => [[], []] },
  });
  const findProblem = createReadiness(
    { engine: 'sqlite', knex, ping, findWriteFault: async () => undefined } as unknown as Database,
    log,
  );

  assert.match(String(await findProblem()), /database does not answer/);
  await findProblem();
  assert.deepEqual(logged, [{ event: 'database_unavailable', err: cause }]);
  isDown = false;
  assert.equal(await findProblem(), undefined);
  isDown = true;
  await findProblem();
  assert.equal(logged.length, 2);
});
