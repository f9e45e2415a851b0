import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createEnds, openSuite, type Suite } from '../support/builders/conformance.ts';

/** The claims of each scope (OpenID Connect Core section 5.4). */
const CLAIMS: Record<string, string[]> = {
  profile:
    'name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale updated_at'.split(
      ' ',
    ),
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
};

for (const mode of ['default', 'form_post'] as const) {
  describe(`the modules about claims of the basic plan, response mode ${mode}`, () => {
    const { t, close } = createEnds();
    let suite: Suite;
    before(async () => {
      suite = await openSuite(t, mode);
    });
    after(close);

    /** Signs in with these scopes. Userinfo must have all of their claims, and the ID token none. */
    async function checkScopes(scopes: string[]): Promise<void> {
      const { accessToken, claims } = await suite.signIn({ scope: ['openid', ...scopes].join(' ') });
      const { body } = await suite.userinfo(accessToken);
      for (const [scope, names] of Object.entries(CLAIMS))
        for (const name of names) {
          assert.equal(body[name] !== undefined && body[name] !== '', scopes.includes(scope), name);
          assert.equal(claims[name], undefined, `${name} in the ID token`);
        }
      if (scopes.includes('address')) assert.equal(typeof (body.address as object), 'object');
      assert.equal(body.sub, claims.sub);
    }

    for (const scope of Object.keys(CLAIMS))
      test(`oidcc-scope-${scope}: userinfo has the claims of ${scope}, and the ID token does not`, () =>
        checkScopes([scope]));

    test('oidcc-scope-all: userinfo has the claims of all scopes', () => checkScopes(Object.keys(CLAIMS)));

    test('oidcc-claims-essential: userinfo has the essential name, and the ID token does not', async () => {
      const claims = JSON.stringify({ userinfo: { name: { essential: true } } });
      const signedIn = await suite.signIn({ claims });
      assert.equal((await suite.userinfo(signedIn.accessToken)).body.name, 'Grace Brewster Hopper');
      assert.equal(signedIn.claims.name, undefined);
    });

    test('oidcc-userinfo-get: userinfo answers GET with a bearer token', async () => {
      const { accessToken, claims } = await suite.signIn();
      const { status, body } = await suite.userinfo(accessToken);
      assert.deepEqual([status, body.sub], [200, claims.sub]);
    });

    test('oidcc-userinfo-post-header: userinfo answers POST with a bearer token', async () => {
      const { accessToken, claims } = await suite.signIn();
      const { status, body } = await suite.userinfo(accessToken, { method: 'POST' });
      assert.deepEqual([status, body.sub], [200, claims.sub]);
    });

    test('oidcc-userinfo-post-body: userinfo answers POST with the token in the form', async () => {
      const { accessToken, claims } = await suite.signIn();
      const form = new URLSearchParams({ access_token: accessToken });
      const { status, body } = await suite.userinfo(accessToken, { method: 'POST', body: form });
      assert.deepEqual([status, body.sub], [200, claims.sub]);
    });

    test('oidcc-idtoken-signature: the ID token is signed with RS256 and names its key', async () => {
      const { header } = await suite.signIn();
      assert.equal(header.alg, 'RS256');
      assert.equal(typeof header.kid, 'string');
    });

    test('oidcc-idtoken-unsigned: unsigned ID tokens are not offered, so the suite skips this module', async () => {
      const url = `${suite.server.issuer}/.well-known/openid-configuration`;
      const metadata = (await (await fetch(url)).json()) as Record<string, string[]>;
      assert.ok(metadata.id_token_signing_alg_values_supported?.includes('RS256'));
      assert.ok(!metadata.id_token_signing_alg_values_supported?.includes('none'));
    });
  });
}
