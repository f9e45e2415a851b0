import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Authenticator, type Tweaks } from '../support/authenticator.ts';
import {
  type Answer,
  accountPlace,
  authenticate,
  newcomer,
  post,
  register,
  signInPage,
} from '../support/builders/passkey.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

type Client = Awaited<ReturnType<TestServer['createClient']>>;

for (const engine of engines) {
  describe(`passkeys on ${engine}`, () => {
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
    const person = (key?: Authenticator) => {
      count += 1;
      return newcomer(server, `p${count}`, key);
    };
    /** @param why as the audit log has it */
    const refused = async (answer: Answer, why: string) => {
      assert.equal(answer.status, 401, JSON.stringify(answer.body));
      assert.equal(answer.body.location, undefined);
      const audit = server.database.knex('T_auth_audit_log').orderBy('id', 'desc');
      assert.equal((await audit.first('error_code')).error_code, why);
    };
    const reasons = (accountId: string) =>
      server.database
        .knex('T_auth_audit_log')
        .where({ account_id: accountId, success: false })
        .orderBy('id')
        .pluck('error_code');
    const signIn = async (key: Authenticator, tweaks: Tweaks = {}) => {
      const { browser, place } = await signInPage(server, client);
      return authenticate(browser, place, key, tweaks);
    };

    for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const) {
      test(`a passkey of ${algorithm} is enough to sign up with an invitation and to sign in without a username`, async () => {
        const { id, key } = await person(new Authenticator(server.issuer, algorithm));
        const { browser, place } = await signInPage(server, client);
        const done = await authenticate(browser, place, key);
        assert.equal(done.status, 200);
        const next = await browser.follow(await browser.get(new URL(done.body.location ?? '').pathname));
        assert.match(await next.text(), /Allow/);
        const [row] = await server.database.knex('T_webauthn_credentials').where({ account_id: id });
        assert.ok(row.signed_at && row.last_used_at);
        assert.equal(Number(row.sign_count), 2);
        assert.equal(
          await server.database.knex('T_credentials').where({ account_id: id }).first(),
          undefined,
        );
      });
    }

    test('a challenge works once', async () => {
      const { key } = await person();
      const { browser, place } = await signInPage(server, client);
      const options = await post(browser, 'authentication/options', place);
      const failed = key.get(options.body, { uv: false });
      await refused(
        await post(browser, 'authentication/verify', { ...place, response: failed }),
        'assertion',
      );
      const right = key.get(options.body);
      await refused(await post(browser, 'authentication/verify', { ...place, response: right }), 'challenge');

      const again = await post(browser, 'authentication/options', place);
      const used = key.get(again.body);
      assert.equal((await post(browser, 'authentication/verify', { ...place, response: used })).status, 200);
      await refused(await post(browser, 'authentication/verify', { ...place, response: used }), 'challenge');
    });

    test('the challenge of a registration expires after five minutes, though its row is still there', async () => {
      const { id, browser } = await person();
      const place = await accountPlace(server, id);
      const options = await post(browser, 'registration/options', place);
      const { knex } = server.database;
      const [row] = await knex('T_webauthn_challenges').orderBy('id', 'desc').limit(1);
      const life = new Date(row.expires_at).getTime() - new Date(row.created_at).getTime();
      assert.equal(life, 300_000);
      assert.ok(!JSON.stringify(row).includes(options.body.challenge));
      await knex('T_webauthn_challenges')
        .where({ id: row.id })
        .update({ expires_at: new Date(Date.now() - 1) });
      const response = new Authenticator(server.issuer).create(options.body);
      await refused(await post(browser, 'registration/verify', { ...place, response }), 'challenge');
    });

    test('a challenge of another interaction, browser, account or purpose is refused', async () => {
      const mei = await person();
      const eve = await person();
      const own = await signInPage(server, client);
      const other = await signInPage(server, client);
      const options = await post(other.browser, 'authentication/options', other.place);
      const response = mei.key.get(options.body);
      // Another interaction; another browser’s interaction; the same page without its cookie.
      await refused(
        await post(own.browser, 'authentication/verify', { ...own.place, response }),
        'challenge',
      );
      await refused(
        await post(own.browser, 'authentication/verify', { ...other.place, response }),
        'challenge',
      );

      const places = {
        mei: await accountPlace(server, mei.id),
        eve: await accountPlace(server, eve.id),
      };
      const adding = await post(eve.browser, 'registration/options', places.eve);
      const key = new Authenticator(server.issuer);
      const made = key.create(adding.body);
      await refused(
        await post(mei.browser, 'registration/verify', { ...places.mei, response: made }),
        'challenge',
      );
      // A challenge of a registration in an authentication, and for another kind of key.
      const signed = mei.key.get({ ...adding.body, rpId: adding.body.rp?.id });
      await refused(
        await post(own.browser, 'authentication/verify', { ...own.place, response: signed }),
        'challenge',
      );
      const again = await post(eve.browser, 'registration/options', places.eve);
      const as = { ...places.eve, ceremony: 'security_key', response: key.create(again.body) };
      await refused(await post(eve.browser, 'registration/verify', as), 'challenge');
    });

    test('answers made for another origin, host or frame are refused', async () => {
      const { id, key } = await person();
      const { port } = new URL(server.issuer);
      const wrong: Tweaks[] = [
        { origin: `https://127.0.0.1:${port}` },
        { origin: `http://sub.127.0.0.1:${port}` },
        { origin: 'http://127.0.0.1' },
        { origin: 'https://evil.example' },
        { crossOrigin: true },
        { crossOrigin: true, topOrigin: 'https://evil.example' },
        { topOrigin: server.issuer },
        { rpId: 'evil.example' },
        { rpId: '0.0.1' },
        { type: 'webauthn.create' },
        { type: 'payment.get' },
      ];
      for (const tweaks of wrong) {
        const why = tweaks.crossOrigin || tweaks.topOrigin ? 'cross_origin' : 'assertion';
        await refused(await signIn(key, tweaks), why);
      }
      const place = await accountPlace(server, id);
      const person2 = (await server.database.knex('T_accounts').where({ id }).first('username')).username;
      assert.ok(person2);
      const { browser } = await person();
      assert.equal((await register(browser, place, key)).status, 403, 'another session’s token');
      for (const tweaks of wrong.filter(({ type }) => type !== 'webauthn.create')) {
        const eve = await person();
        const here = await accountPlace(server, eve.id);
        const why = tweaks.crossOrigin || tweaks.topOrigin ? 'cross_origin' : 'registration';
        await refused(await register(eve.browser, here, new Authenticator(server.issuer), tweaks), why);
      }
    });

    test('an answer without user presence or verification is refused, also when the flag was set after signing', async () => {
      const { key, id, browser } = await person();
      for (const tweaks of [{ up: false }, { uv: false }])
        await refused(await signIn(key, tweaks), 'assertion');
      const flip = (bytes: Buffer) => {
        bytes.writeUInt8(bytes.readUInt8(32) | 4, 32);
        return bytes;
      };
      await refused(await signIn(key, { uv: false, authData: flip }), 'signature');
      const place = await accountPlace(server, id);
      for (const tweaks of [{ up: false }, { uv: false }])
        await refused(
          await register(browser, place, new Authenticator(server.issuer), tweaks),
          'registration',
        );
      assert.equal((await signIn(key)).status, 200);
    });

    test('a passkey counter that did not go up is checked after the signature, refused and reported', async () => {
      const { key, id } = await person();
      const stolen = key.clone();
      assert.equal((await signIn(key)).status, 200);
      const forged = new Authenticator(server.issuer);
      Object.assign(forged, { id: key.id, userHandle: key.userHandle, counter: 0 });
      await refused(await signIn(forged), 'signature');
      assert.ok(!(await reasons(id)).includes('counter'), 'no alarm by someone without the key');
      await refused(await signIn(stolen), 'counter');
      assert.ok((await reasons(id)).includes('counter'));
    });

    test('a key without a counter is accepted, and one that begins to count must continue', async () => {
      const key = new Authenticator(server.issuer);
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
      const other = new Authenticator(server.issuer);
      const place = await accountPlace(server, eve.id);
      assert.equal((await register(eve.browser, place, other, { id: mei.key.id })).status, 409);
      const own = await accountPlace(server, mei.id);
      assert.equal((await register(mei.browser, own, mei.key)).status, 409);
      const { n } = (await server.database
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
      const place = await accountPlace(server, id);
      await refused(
        await register(browser, place, new Authenticator(server.issuer), { bs: true }),
        'registration',
      );
      const synced = new Authenticator(server.issuer);
      synced.backup = { be: true, bs: false };
      await person(synced);
      assert.equal((await signIn(synced, { bs: true })).status, 200);
      await refused(await signIn(synced, { be: false, bs: false }), 'backup_eligibility');
    });
  });
}
