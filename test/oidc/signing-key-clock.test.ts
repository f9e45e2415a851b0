import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSecrets } from '../../src/kit/secrets.ts';
import { createSigningKeys } from '../../src/oidc/signing-keys/index.ts';
import { SECRETS } from '../support/databases.ts';
import { openWorld } from '../support/world.ts';

test('signing keys are not rotated or deleted by a server whose clock differs from the database', async (t) => {
  const { database } = await openWorld(t, 'sqlite');
  let fault: string | undefined = 'ahead';
  const keys = createSigningKeys({
    knex: database.knex,
    secrets: createSecrets(SECRETS),
    keepFor: 0,
    findClockFault: async () => fault,
  });
  const refresh = (days: number) => keys.refresh(assert.fail, new Date(Date.now() + days * 86_400_000));
  const statuses = async () => (await keys.list()).map(({ kid, status }) => `${kid} ${status}`).sort();
  await keys.load();
  const before = await statuses();
  await refresh(5000);
  assert.deepEqual(await statuses(), before);
  fault = undefined;
  await refresh(91);
  const rotated = await statuses();
  assert.notDeepEqual(rotated, before);
  fault = 'ahead';
  await refresh(5000);
  assert.deepEqual(await statuses(), rotated);
});

for (const way of ['by itself', 'on request'])
  test(`signing keys of a first start with a clock that was years ahead are rotated ${way} once it is right`, async (t) => {
    const { database } = await openWorld(t, 'sqlite');
    const secrets = createSecrets(SECRETS);
    const keys = createSigningKeys({ knex: database.knex, secrets, keepFor: 0 });
    await database.knex('T_signing_keys').delete();
    const ahead = new Date(Date.now() + 12 * 365 * 86_400_000);
    await keys.load(ahead);
    const kids = async () =>
      (await keys.list()).filter(({ status }) => status === 'active').map(({ kid }) => kid);
    const before = await kids();
    await (way === 'by itself' ? keys.refresh(assert.fail) : keys.rotate({ accountId: null }));
    const after = await kids();
    assert.equal(after.length, before.length);
    assert.ok(after.every((kid) => !before.includes(kid)));
    assert.equal(await keys.refresh(assert.fail).then(kids).then(String), String(after), 'once');
  });
