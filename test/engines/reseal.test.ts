import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { servicesOn } from '../support/services.ts';

const NEW = 'bmV3ZXIga2V5IG9mIHRoZSByaW5nLCBmb3IgdGhpcyB0ZXN0';
const OLD = SECRETS.join(',');
const COUNT = 205;

for (const engine of engines)
  test(`credentials are sealed with the newest key while servers go on, on ${engine}`, async (t) => {
    const { url, drop } = await createMigratedDatabase(engine);
    const database = openDatabase(url, 4);
    t.after(() => database.close().then(drop));
    const { knex } = database;
    const using = (ring: string) => servicesOn(database, undefined, { LATCHKEY_SECRETS: ring }).connections;
    const [before, during, afterwards] = [using(OLD), using(`${NEW},${OLD}`), using(NEW)];
    const account = { id: uuidv7() };
    await fill(database, 'T_accounts', { ...account, is_active: true });
    await before.services.add(
      { accountId: null },
      { name: 'google', change: { clientId: 'x', clientSecret: 'secret-of-this-server' } },
    );
    const ids: string[] = [];
    for (let index = 0; index < COUNT; index += 1) {
      const tokens = {
        accessToken: `access-${index}`,
        refreshToken: `refresh-${index}`,
        tokenType: 'Bearer',
      };
      const input = { accountId: account.id, service: 'google', accessLevel: 'read' as const, tokens };
      ids.push((await before.vault.save({ ...input, identity: { id: `g-${index}` } })).id);
    }
    const [changed = '', damaged = '', renewed = ''] = ids;
    const sealedOf = (id: string) => knex('T_oauth_tokens').where({ active_slot: id }).first();
    const { id: damagedRow, access_token_sealed: sealed } = await sealedOf(damaged);
    await knex('T_oauth_tokens')
      .where({ id: damagedRow })
      .update({ access_token_sealed: `${sealed.slice(0, -4)}AAAA` });

    // A key that is missing is no damage: nothing is marked, and the connection works once the key is back.
    const untouched = ids.at(-1) ?? '';
    await assert.rejects(afterwards.vault.open(untouched), { code: 'credential_key_missing', status: 503 });
    assert.equal((await during.vault.find(account.id, untouched))?.syncStatus, 'active');
    // A refresh token that is kept gets the newest key with the access token.
    const opened = await during.vault.open(renewed);
    assert.ok(opened);
    await during.vault.replaceTokens(opened, { accessToken: 'fresh', tokenType: 'Bearer' });
    assert.equal((await afterwards.vault.open(renewed))?.refreshToken, 'refresh-2');

    // Interrupted after the first batch, while a server refreshes a connection.
    const interrupted = during.vault.reseal({
      begin: (rows) => assert.equal(rows, COUNT),
      add() {
        throw new Error('interrupted');
      },
    });
    const failed = assert.rejects(interrupted, /interrupted/);
    const credential = await during.vault.open(changed);
    assert.ok(credential);
    const refreshed = during.vault.replaceTokens(credential, { accessToken: 'fresh', tokenType: 'Bearer' });
    await failed;
    assert.equal(await refreshed, true);

    let done = 0;
    const outcome = await during.vault.reseal({ begin: () => undefined, add: (rows) => (done += rows) });
    assert.equal(done, COUNT);
    assert.deepEqual(outcome.damaged, [damaged]);
    assert.equal(outcome.resealed + outcome.unchanged, COUNT - 1);
    assert.ok(outcome.unchanged >= 199 && outcome.resealed >= 1, JSON.stringify(outcome));
    for (const [index, id] of ids.entries()) {
      if (id === damaged) continue;
      const opened = await afterwards.vault.open(id);
      assert.equal(opened?.accessToken, id === changed || id === renewed ? 'fresh' : `access-${index}`);
      assert.equal(opened?.refreshToken, `refresh-${index}`);
    }
    assert.deepEqual(await during.services.reseal(), { resealed: 1, unchanged: 0, damaged: [] });
    assert.equal((await afterwards.services.find('google'))?.clientSecret, 'secret-of-this-server');
    const again = await during.vault.reseal({ begin: () => undefined, add: () => undefined });
    assert.equal(again.resealed, 0);
  });
