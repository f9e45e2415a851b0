import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { accountPlace, register } from '../support/builders/passkey.ts';
import { sharePasskeyServer } from '../support/builders/passkey-server.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  describe(`the counter, owner and backup of passkeys on ${engine}`, () => {
    const shared = sharePasskeyServer(engine);
    const { person, refused, reasons, signIn } = shared;

    test('a passkey counter that did not go up is checked after the signature, refused and reported', async () => {
      const { key, id } = await person();
      const stolen = key.clone();
      assert.equal((await signIn(key)).status, 200);
      const forged = new Authenticator(shared.server.issuer);
      Object.assign(forged, { id: key.id, userHandle: key.userHandle, counter: 0 });
      await refused(await signIn(forged), 'signature');
      assert.ok(!(await reasons(id)).includes('counter'), 'no alarm by someone without the key');
      await refused(await signIn(stolen), 'counter');
      assert.ok((await reasons(id)).includes('counter'));
    });

    test('a key without a counter is accepted, and one that begins to count must continue', async () => {
      const key = new Authenticator(shared.server.issuer);
      key.step = 0;
      const { id } = await person(key);
      assert.equal((await signIn(key)).status, 200);
      assert.equal((await signIn(key)).status, 200);
      assert.equal((await signIn(key, { counter: 7 })).status, 200);
      await refused(await signIn(key, { counter: 0 }), 'counter');
      assert.deepEqual(new Set(await reasons(id)), new Set(['counter']));
    });

    test('a key is registered once, for one account', async () => {
      const mei = await person();
      const eve = await person();
      const other = new Authenticator(shared.server.issuer);
      const place = await accountPlace(shared.server, eve.id);
      assert.equal((await register(eve.browser, place, other, { id: mei.key.id })).status, 409);
      const own = await accountPlace(shared.server, mei.id);
      assert.equal((await register(mei.browser, own, mei.key)).status, 409);
      const { n } = (await shared.server.database
        .knex('T_webauthn_credentials')
        .whereIn('account_id', [mei.id, eve.id])
        .count({ n: '*' })
        .first()) as { n: number };
      assert.equal(Number(n), 2);
    });

    test('the user handle of another account, or none, is refused', async () => {
      const mei = await person();
      const eve = await person();
      await refused(await signIn(mei.key, { userHandle: eve.key.userHandle }), 'user_handle');
      await refused(await signIn(mei.key, { userHandle: null }), 'user_handle');
      await refused(await signIn(mei.key, { userHandle: '' }), 'user_handle');
      await refused(await signIn(mei.key, { id: eve.key.id }), 'user_handle');
    });

    test('backup eligibility never changes, and a key that is not eligible cannot be backed up', async () => {
      const { key, id, browser } = await person();
      await refused(await signIn(key, { be: true }), 'backup_eligibility');
      await refused(await signIn(key, { bs: true }), 'assertion');
      const place = await accountPlace(shared.server, id);
      await refused(
        await register(browser, place, new Authenticator(shared.server.issuer), { bs: true }),
        'registration',
      );
      const synced = new Authenticator(shared.server.issuer);
      synced.backup = { be: true, bs: false };
      await person(synced);
      assert.equal((await signIn(synced, { bs: true })).status, 200);
      await refused(await signIn(synced, { be: false, bs: false }), 'backup_eligibility');
    });
  });
}
