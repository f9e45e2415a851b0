import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Authenticator, type Tweaks } from '../support/authenticator.ts';
import {
  accountPlace,
  authenticate,
  newcomer,
  post,
  register,
  signInPage,
} from '../support/builders/passkey.ts';
import { engines } from '../support/engines.ts';
import { BAD_BODIES, BAD_KEYS, BAD_OBJECTS } from '../support/malformed-passkeys.ts';
import { startServer, type TestServer } from '../support/server.ts';

type Client = Awaited<ReturnType<TestServer['createClient']>>;

for (const engine of engines) {
  describe(`the keys of an account on ${engine}`, () => {
    const ends: (() => unknown)[] = [];
    let server: TestServer;
    let client: Client;
    before(async () => {
      server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, engine);
      client = await server.createClient();
    });
    after(async () => {
      for (const end of ends) await end();
    });

    let count = 0;
    const person = () => {
      count += 1;
      return newcomer(server, `k${count}`);
    };
    const keysOf = (accountId: string) =>
      server.database.knex('T_webauthn_credentials').where({ account_id: accountId }).orderBy('id');
    const signIn = async (key: Authenticator, tweaks: Tweaks = {}) => {
      const { browser, place } = await signInPage(server, client);
      return authenticate(browser, place, key, tweaks);
    };

    test('a malformed or insecure public key is refused', async () => {
      const { id, browser } = await person();
      const place = await accountPlace(server, id);
      for (const [what, publicKey] of Object.entries(BAD_KEYS)) {
        const answer = await register(browser, place, new Authenticator(server.issuer), { publicKey });
        assert.equal(answer.status, 401, what);
      }
      assert.equal((await keysOf(id)).length, 1);
    });

    test('a malformed answer gets 4xx, never 5xx', async () => {
      const { id, browser } = await person();
      const place = await accountPlace(server, id);
      for (const [what, attestation] of Object.entries(BAD_OBJECTS)) {
        const answer = await register(browser, place, new Authenticator(server.issuer), { attestation });
        assert.ok([400, 401].includes(answer.status), `${what}: ${answer.status}`);
      }
      const options = await post(browser, 'registration/options', place);
      for (const body of BAD_BODIES(place, new Authenticator(server.issuer).create(options.body))) {
        const answer = await post(browser, 'registration/verify', body);
        assert.ok(
          [400, 403, 413].includes(answer.status),
          `${JSON.stringify(body)?.slice(0, 60)}: ${answer.status}`,
        );
      }
      assert.equal((await keysOf(id)).length, 1);
    });

    test('each request needs the content type, the origin and the token that our own script sends', async () => {
      const { id, browser } = await person();
      const place = await accountPlace(server, id);
      const eve = await person();
      const { csrf } = await accountPlace(server, eve.id);
      const { place: interaction } = await signInPage(server, client);
      const send = (headers: Record<string, string>, body: object, path: string) =>
        browser.request(`/webauthn/${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', origin: server.issuer, ...headers },
        });
      for (const path of [
        'registration/options',
        'registration/verify',
        'authentication/options',
        'authentication/verify',
      ]) {
        const whole = { ...place, response: {} };
        const statuses = [
          await send({}, { response: {} }, path),
          await send({}, { csrf, response: {} }, path),
          await send({}, { csrf, interaction: interaction.interaction, response: {} }, path),
          await send({ 'content-type': 'text/plain' }, whole, path),
          await send({ 'content-type': 'application/x-www-form-urlencoded' }, whole, path),
          await send({ origin: 'https://evil.example' }, whole, path),
          await send({ 'sec-fetch-site': 'cross-site' }, whole, path),
        ].map(({ status }) => status);
        assert.deepEqual(statuses, Array(7).fill(403), path);
      }
    });

    test('a key added after a sign-in with a signed key is approved by that key', async () => {
      const { id, key, browser } = await person();
      const second = new Authenticator(server.issuer);
      // A sign-up does not show which key was used; a sign-in does.
      const place = { ...(await signInPage(server, client, { prompt: 'login' }, browser)).place };
      const done = await authenticate(browser, place, key);
      await browser.follow(await browser.get(new URL(String(done.body.location)).pathname));
      const added = await register(browser, await accountPlace(server, id), second);
      assert.equal(added.body.is_signed, true);
      const [one, two] = await keysOf(id);
      assert.equal(two.signed_by, one.id);
      assert.equal((await signIn(second)).status, 200);
    });

    test('any other added key cannot sign in until a signed key approves it, and approves no other', async () => {
      const { id, key, browser } = await person();
      const place = await accountPlace(server, id);
      await server.database.knex('T_webauthn_credentials').update({ last_used_at: null });
      const second = new Authenticator(server.issuer);
      const third = new Authenticator(server.issuer);
      const added = await register(browser, place, second);
      const other = await register(browser, place, third);
      assert.deepEqual([added.body.is_signed, other.body.is_signed], [false, false]);
      assert.equal((await signIn(second)).status, 401);

      const approval = { ...place, purpose: 'sign_key', key: String(added.body.id) };
      assert.equal((await authenticate(browser, approval, second)).status, 401, 'not by itself');
      assert.equal((await authenticate(browser, approval, third)).status, 401, 'not by another unsigned one');
      const options = await post(browser, 'authentication/options', approval);
      const response = key.get(options.body);
      const elsewhere = { ...approval, key: String(other.body.id), response };
      assert.equal((await post(browser, 'authentication/verify', elsewhere)).status, 401, 'not for another');
      const eve = await person();
      const foreign = {
        ...(await accountPlace(server, eve.id)),
        purpose: 'sign_key',
        key: String(added.body.id),
      };
      assert.equal((await authenticate(eve.browser, foreign, eve.key)).status, 404, 'not by another person');

      assert.equal((await authenticate(browser, approval, key)).status, 200);
      const again = await authenticate(browser, approval, key);
      assert.equal(again.status, 409);
      assert.match(String(again.body.title), /already approved/);
      assert.equal((await signIn(second)).status, 200);
      assert.equal((await signIn(third)).status, 401);
    });

    test('keys can be changed only shortly after a sign-in', async () => {
      const { id, browser } = await person();
      const place = await accountPlace(server, id);
      const options = await post(browser, 'registration/options', place);
      const response = new Authenticator(server.issuer).create(options.body);
      const { knex } = server.database;
      const session = await knex('T_user_sessions').where({ account_id: id }).first('id', 'payload');
      const payload = JSON.parse(session.payload);
      payload.loginTs -= 301;
      await knex('T_user_sessions')
        .where({ id: session.id })
        .update({ payload: JSON.stringify(payload) });
      for (const [path, body] of [
        ['registration/options', place],
        ['registration/verify', { ...place, response }],
        ['authentication/options', { ...place, purpose: 'sign_key', key: 'x' }],
      ] as const) {
        const answer = await post(browser, path, body);
        assert.equal(answer.status, 401, path);
        assert.match(String(answer.body.title), /Sign in again/);
      }
      assert.equal((await keysOf(id)).length, 1);
    });
  });
}
