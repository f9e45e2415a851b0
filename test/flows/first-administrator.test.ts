import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

const COMMAND = 'npx latchkey account set-up-link';

test('in production, start and doctor name the set-up command while nobody administers the server', async (t) => {
  const world = await openWorld(t, 'sqlite');
  const findAdministrators = async () => {
    const { stdout } = await latchkey(['doctor', '--json'], { url: world.storage.url });
    return JSON.parse(stdout).find(({ check }: { check: string }) => check === 'administrators');
  };
  const server = await world.start({ NODE_ENV: 'production', LATCHKEY_ISSUER: 'https://id.harbour.test' });
  assert.ok(server.output().includes(`Nobody administers this server yet.`));
  assert.ok(server.output().includes(COMMAND), server.output());
  assert.ok(!server.output().includes('code='), 'the log contains no link');
  const missing = await findAdministrators();
  assert.equal(missing.ok, true);
  assert.ok(missing.says.includes(COMMAND), missing.says);

  const { id } = await world.createAccount();
  await world.database
    .knex('T_accounts')
    .where({ id })
    .update({ scopes: JSON.stringify(['latchkey:*']) });
  await server.kill('SIGTERM');
  const before = server.output().length;
  await server.restart();
  assert.ok(!server.output().slice(before).includes(COMMAND), server.output());
  assert.equal((await findAdministrators()).says, 'at least one');
});
