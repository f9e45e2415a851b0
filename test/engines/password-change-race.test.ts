import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import { BCRYPT_COST } from '../../src/identity/passwords/hashing.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { servicesOn } from '../support/services.ts';
import { openWorld } from '../support/world.ts';

/** An account, and sign-ins to it during which something else happens before they are committed. */
async function begin(t: TestContext, engine: EngineName) {
  const { database, createAccount } = await openWorld(t, engine);
  const { id, username, password } = await createAccount();
  const { passwords } = servicesOn(database);
  const signIn = async (change: () => Promise<unknown>) => {
    const unit = new UnitOfWork(database.driver);
    return withUnit(unit, async () => {
      const attempt = { username, password, browserHash: 'b'.repeat(43) };
      assert.equal(await passwords.signIn(attempt), id);
      await change();
      return unit.commit();
    });
  };
  const { knex } = database;
  const storedHash = async (): Promise<string> => (await knex('T_credentials').first()).password_hash;
  const setHash = (password_hash: string) => knex('T_credentials').update({ password_hash });
  const countSignIns = async () =>
    (await knex('T_auth_audit_log').where({ action: 'sign_in.succeeded' })).length;
  return { signIn, storedHash, setHash, countSignIns };
}

for (const engine of engines) {
  test(`a sign-in fails and writes nothing if the password is changed during it, on ${engine}`, async (t) => {
    const { signIn, storedHash, setHash, countSignIns } = await begin(t, engine);
    // Twice: MySQL counts a row as unaffected if no value changes, which must not look like a missing row.
    for (let turn = 0; turn < 2; turn += 1) assert.equal(await signIn(async () => {}), undefined);
    assert.equal(await signIn(() => setHash('another')), 'password');
    assert.equal(await storedHash(), 'another');
    assert.equal(await countSignIns(), 2);
  });

  test(`a sign-in that renews the hash of an earlier cost does so too, on ${engine}`, async (t) => {
    const { signIn, storedHash, setHash, countSignIns } = await begin(t, engine);
    const earlier = (await storedHash()).replace(`$${BCRYPT_COST}$`, '$10$');
    await setHash(earlier);
    assert.equal(await signIn(() => setHash('another')), 'password');
    assert.equal(await storedHash(), 'another');
    assert.equal(await countSignIns(), 0);

    // Two at once: both renew it, and neither takes the other for a change of the password.
    await setHash(earlier);
    const second = () => signIn(async () => {}).then((guard) => assert.equal(guard, undefined));
    assert.equal(await signIn(second), undefined);
    assert.equal(await countSignIns(), 2);
    assert.notEqual(await storedHash(), earlier);
    assert.equal(await signIn(async () => {}), undefined);
  });
}
