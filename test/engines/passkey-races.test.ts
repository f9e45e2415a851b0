import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import { guardCredential } from '../../src/identity/passkeys/sign-in-store.ts';
import { Authenticator } from '../support/authenticator.ts';
import { Browser } from '../support/browser.ts';
import {
  accountPlace,
  authenticate,
  newcomer,
  post,
  register,
  signInPage,
} from '../support/builders/passkey.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const keysOf = (server: TestServer) => server.services.passkeys.credentials;

/** A second server with the database and the issuer of the first. */
const second = (t: Parameters<typeof startServer>[0], first: TestServer) =>
  startServer(t, first.storage.engine, { storage: first.storage, config: { issuer: first.issuer } });

/** The same browser, sending its requests to another server. */
function at(server: TestServer, browser: Browser): Browser {
  const same = new Browser(`http://127.0.0.1:${server.config.port}`, browser.issuer);
  for (const [name, cookie] of browser.cookies) same.cookies.set(name, cookie);
  return same;
}

for (const engine of engines) {
  describe(`passkeys at two servers on ${engine}`, () => {
    test('one assertion sent 50 times at once gives one session', async (t) => {
      const one = await startServer(t, engine);
      const two = await second(t, one);
      const mei = await newcomer(one, 'mei');
      const client = await one.createClient();
      const { browser, place } = await signInPage(one, client);
      const options = await post(browser, 'authentication/options', place);
      const body = { ...place, response: mei.key.get(options.body) };
      const browsers = [browser, at(two, browser)];
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          post(browsers[index % 2] as Browser, 'authentication/verify', body),
        ),
      );
      const good = answers.filter(({ status }) => status === 200);
      assert.equal(good.length, 1);
      assert.equal(answers.filter(({ status }) => status === 401).length, 49);
      const { pathname } = new URL(String(good[0]?.body.location));
      await browser.follow(await browser.get(pathname));
      const { knex } = one.database;
      const count = async (table: string, where: object) =>
        Number((await knex(table).where(where).count({ n: '*' }).first())?.n);
      // One session of the sign-up, one of the sign-in.
      assert.equal(await count('T_user_sessions', { account_id: mei.id }), 2);
      const event = { account_id: mei.id, action: 'sign_in.succeeded' };
      assert.equal(await count('T_auth_audit_log', event), 1);
    });

    test('of two answers with the same counter the second is treated as a copied key’s', async (t) => {
      const one = await startServer(t, engine);
      const { key } = await newcomer(one, 'mei');
      const client = await one.createClient();
      const copy = key.clone();
      const both = await Promise.all(
        [key, copy].map(async (device) => {
          const { browser, place } = await signInPage(one, client);
          return { device, browser, place };
        }),
      );
      const statuses = await Promise.all(
        both.map(async ({ device, browser, place }) => (await authenticate(browser, place, device)).status),
      );
      assert.deepEqual(statuses.toSorted(), [200, 401]);
    });

    test('when the last two keys are removed at once, one stays', async (t) => {
      const one = await startServer(t, engine);
      const two = await second(t, one);
      const mei = await newcomer(one, 'mei');
      const place = await accountPlace(one, mei.id);
      for (let round = 0; round < 4; round += 1) {
        const key = new Authenticator(one.issuer);
        const added = await register(mei.browser, place, key);
        const [first] = await keysOf(one).listSigned(mei.id);
        if (!added.body.is_signed)
          await keysOf(one).sign(mei.id, String(added.body.id), { signerId: String(first?.id) });
        const ids = (await keysOf(one).listSigned(mei.id)).map(({ id }) => id);
        assert.equal(ids.length, 2);
        const ends = await Promise.allSettled(
          ids.map((id, index) => keysOf(index ? one : two).remove(mei.id, id, mei.id)),
        );
        assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
        const lost = ends.find((end) => end.status === 'rejected');
        assert.match(String((lost as PromiseRejectedResult).reason), /the only key that can sign in/);
        assert.equal((await keysOf(one).listSigned(mei.id)).length, 1);
      }
    });

    test('a sign-in that relies on a key fails when the key is removed before its commit', async (t) => {
      const server = await startServer(t, engine);
      const mei = await newcomer(server, 'mei');
      await register(mei.browser, await accountPlace(server, mei.id), new Authenticator(server.issuer));
      const [first, second] = await keysOf(server).list(mei.id);
      assert.ok(first && second);
      await keysOf(server).sign(mei.id, second.id, { signerId: first.id });
      const begin = () => {
        const unit = new UnitOfWork(server.database.driver);
        withUnit(unit, () => guardCredential(first.id));
        return unit;
      };
      assert.equal(await begin().commit(), undefined, 'while it is there');
      const late = begin();
      await keysOf(server).remove(mei.id, first.id, mei.id);
      assert.equal(await late.commit(), 'credential');
    });

    test('a removed key stops working at every server at once and keeps its row; an unsigned key cannot sign in', async (t) => {
      const one = await startServer(t, engine);
      const two = await second(t, one);
      const mei = await newcomer(one, 'mei');
      const place = await accountPlace(one, mei.id);
      const client = await one.createClient();
      const keys = keysOf(one);
      const other = new Authenticator(one.issuer);
      await register(mei.browser, place, other);
      const [first, unsigned] = await keys.list(mei.id);
      assert.ok(first && unsigned);
      await assert.rejects(keys.remove(mei.id, first.id, mei.id), /only key/);
      await keys.sign(mei.id, unsigned.id, { signerId: first.id });

      const { browser, place: open } = await signInPage(one, client);
      const options = await post(browser, 'authentication/options', open);
      await keys.remove(mei.id, first.id, mei.id);
      const late = { ...open, response: mei.key.get(options.body) };
      assert.equal((await post(at(two, browser), 'authentication/verify', late)).status, 401);
      await assert.rejects(keys.remove(mei.id, first.id, mei.id), /no longer on your account/);
      await assert.rejects(keys.rename(mei.id, first.id, 'x'), /no longer on your account/);
      const eve = await newcomer(one, 'eve');
      await assert.rejects(keys.remove(eve.id, unsigned.id, eve.id), /no longer on your account/);
      await assert.rejects(keys.rename(eve.id, unsigned.id, 'x'), /no longer on your account/);
      assert.equal(
        (await one.database.knex('T_webauthn_credentials').where({ account_id: mei.id })).length,
        2,
      );
      const last = await signInPage(one, client);
      assert.equal((await authenticate(last.browser, last.place, other)).status, 200);
    });

    test('a key’s name is trimmed and has no invisible characters', async (t) => {
      const one = await startServer(t, engine);
      const mei = await newcomer(one, 'mei');
      const [key] = await keysOf(one).list(mei.id);
      assert.equal(key?.name, 'This device');
      const { name } = await keysOf(one).rename(mei.id, String(key?.id), '  Blue key on my ring ');
      assert.equal(name, 'Blue key on my ring');
      for (const bad of ['', '   ', 'a\u0000b', 'x\u202ey', 'x\u2028y', 'x\u2029y', 'x'.repeat(101)])
        await assert.rejects(keysOf(one).rename(mei.id, String(key?.id), bad), { kind: 'invalid_input' });
      assert.equal((await keysOf(one).list(mei.id))[0]?.name, 'Blue key on my ring');
    });

    test('a disabled account cannot sign in with a key', async (t) => {
      const one = await startServer(t, engine);
      const mei = await newcomer(one, 'mei');
      const client = await one.createClient();
      await one.accounts.disable({ accountId: null }, 'mei');
      const { browser, place } = await signInPage(one, client);
      assert.equal((await authenticate(browser, place, mei.key)).status, 401);
    });
  });
}
