import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator, type Tweaks } from '../support/authenticator.ts';
import { accountPlace, authenticate, post, register } from '../support/builders/passkey.ts';
import { sharePasskeyServer } from '../support/builders/passkey-server.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  describe(`passkeys on ${engine}`, () => {
    const shared = sharePasskeyServer(engine);
    const { person, refused, signIn } = shared;

    for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const) {
      test(`a passkey of ${algorithm} is enough to sign up with an invitation and to sign in without a username`, async () => {
        const { id, key } = await person(new Authenticator(shared.server.issuer, algorithm));
        const { browser, place } = await shared.openSignIn();
        const done = await authenticate(browser, place, key);
        assert.equal(done.status, 200);
        const next = await browser.follow(await browser.get(new URL(done.body.location ?? '').pathname));
        assert.match(await next.text(), /Allow/);
        const [row] = await shared.server.database.knex('T_webauthn_credentials').where({ account_id: id });
        assert.ok(row.signed_at && row.last_used_at);
        assert.equal(Number(row.sign_count), 2);
        assert.equal(
          await shared.server.database.knex('T_credentials').where({ account_id: id }).first(),
          undefined,
        );
      });
    }

    test('a challenge works once', async () => {
      const { key } = await person();
      const { browser, place } = await shared.openSignIn();
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
      const place = await accountPlace(shared.server, id);
      const options = await post(browser, 'registration/options', place);
      const { knex } = shared.server.database;
      const [row] = await knex('T_webauthn_challenges').orderBy('id', 'desc').limit(1);
      const life = new Date(row.expires_at).getTime() - new Date(row.created_at).getTime();
      assert.equal(life, 300_000);
      assert.ok(!JSON.stringify(row).includes(options.body.challenge));
      await knex('T_webauthn_challenges')
        .where({ id: row.id })
        .update({ expires_at: new Date(Date.now() - 1) });
      const response = new Authenticator(shared.server.issuer).create(options.body);
      await refused(await post(browser, 'registration/verify', { ...place, response }), 'challenge');
    });

    test('a challenge of another interaction, browser, account or purpose is refused', async () => {
      const mei = await person();
      const eve = await person();
      const own = await shared.openSignIn();
      const other = await shared.openSignIn(own.browser);
      const options = await post(other.browser, 'authentication/options', other.place);
      const response = mei.key.get(options.body);
      // Another interaction of the same browser; the same interaction in another browser.
      await refused(
        await post(own.browser, 'authentication/verify', { ...own.place, response }),
        'challenge',
      );
      const { browser: stranger } = await shared.openSignIn();
      const elsewhere = await post(stranger, 'authentication/verify', { ...other.place, response });
      assert.deepEqual([elsewhere.status, elsewhere.body.location], [400, undefined]);

      const places = {
        mei: await accountPlace(shared.server, mei.id),
        eve: await accountPlace(shared.server, eve.id),
      };
      const adding = await post(eve.browser, 'registration/options', places.eve);
      const key = new Authenticator(shared.server.issuer);
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

    test('an answer without user presence or verification is refused, also when the flag was set after signing', async () => {
      const { key, id, browser } = await person();
      for (const tweaks of [{ up: false }, { uv: false }])
        await refused(await signIn(key, tweaks), 'assertion');
      const flip = (bytes: Buffer) => {
        bytes.writeUInt8(bytes.readUInt8(32) | 4, 32);
        return bytes;
      };
      await refused(await signIn(key, { uv: false, authData: flip }), 'signature');
      const place = await accountPlace(shared.server, id);
      for (const tweaks of [{ up: false }, { uv: false }])
        await refused(
          await register(browser, place, new Authenticator(shared.server.issuer), tweaks),
          'registration',
        );
      assert.equal((await signIn(key)).status, 200);
    });
  });
}

describe('passkeys', () => {
  const shared = sharePasskeyServer('sqlite');
  const { person, refused, signIn } = shared;

  test('answers made for another origin, host or frame are refused', async () => {
    const { id, key } = await person();
    const { port } = new URL(shared.server.issuer);
    const wrong: Tweaks[] = [
      { origin: `https://127.0.0.1:${port}` },
      { origin: `http://sub.127.0.0.1:${port}` },
      { origin: 'http://127.0.0.1' },
      { origin: 'https://evil.example' },
      { crossOrigin: true },
      { crossOrigin: true, topOrigin: 'https://evil.example' },
      { topOrigin: shared.server.issuer },
      { rpId: 'evil.example' },
      { rpId: '0.0.1' },
      { type: 'webauthn.create' },
      { type: 'payment.get' },
    ];
    for (const tweaks of wrong) {
      const why = tweaks.crossOrigin || tweaks.topOrigin ? 'cross_origin' : 'assertion';
      await refused(await signIn(key, tweaks), why);
    }
    const place = await accountPlace(shared.server, id);
    const person2 = (await shared.server.database.knex('T_accounts').where({ id }).first('username'))
      .username;
    assert.ok(person2);
    const { browser } = await person();
    assert.equal((await register(browser, place, key)).status, 403, 'another session’s token');
    for (const tweaks of wrong.filter(({ type }) => type !== 'webauthn.create')) {
      const eve = await person();
      const here = await accountPlace(shared.server, eve.id);
      const why = tweaks.crossOrigin || tweaks.topOrigin ? 'cross_origin' : 'registration';
      await refused(await register(eve.browser, here, new Authenticator(shared.server.issuer), tweaks), why);
    }
  });
});
