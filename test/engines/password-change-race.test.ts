import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import { engines } from '../support/engines.ts';
import { servicesOn } from '../support/services.ts';
import { openWorld } from '../support/world.ts';

for (const engine of engines) {
  test(`a sign-in fails and writes nothing if the password is changed during it, on ${engine}`, async (t) => {
    const { database, createAccount } = await openWorld(t, engine);
    const { id, username, password } = await createAccount();
    const { passwords } = servicesOn(database);
    const browserHash = 'b'.repeat(43);
    const attempt = async (change: () => Promise<unknown>) => {
      const unit = new UnitOfWork(database.driver);
      return withUnit(unit, async () => {
        assert.equal(await passwords.signIn({ username, password, browserHash }), id);
        await change();
        return unit.commit();
      });
    };
    // Twice: MySQL counts a row as unaffected if no value changes, which must not look like a missing row.
    for (let turn = 0; turn < 2; turn += 1) assert.equal(await attempt(async () => {}), undefined);
    const changed = await attempt(async () =>
      database.knex('T_credentials').update({ password_hash: 'another' }),
    );
    assert.equal(changed, 'password');
    assert.equal((await database.knex('T_credentials').first()).password_hash, 'another');
    const log = await database.knex('T_auth_audit_log').where({ action: 'sign_in.succeeded' });
    assert.equal(log.length, 2);
  });
}
