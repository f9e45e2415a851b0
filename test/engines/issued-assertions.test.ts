import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { call, signInWith } from '../support/builders/authorization.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const CHAT = 'https://chat.example';
const HOME = 'https://fieldnotes.example/home';

async function begin(t: Parameters<typeof startServer>[0], engine: EngineName) {
  const server = await startServer(t, engine);
  const app = await server.createClient({
    grantTypes: ['authorization_code', EXCHANGE],
    assertionAudiences: [`${CHAT} f53f191f`],
    postLogoutRedirectUris: [HOME],
  });
  const ada = await server.createAccount();
  const signedIn = await signInWith(server, app, ada);
  const idToken = String(signedIn.tokens.body.id_token);
  const ask = (fields: Record<string, string> = {}, client = app) =>
    call(server, client, '/token', {
      grant_type: EXCHANGE,
      requested_token_type: ID_JAG,
      subject_token: idToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      audience: CHAT,
      resource: 'https://api.chat.example',
      scope: 'chat.read',
      ...fields,
    });
  return { server, app, ada, ask, idToken, ...signedIn };
}

const ended = { error: 'invalid_request', error_description: 'the sign-in of the subject_token has ended' };

for (const engine of engines) {
  describe(`an identity assertion (ID-JAG) of one of our sign-ins on ${engine}`, () => {
    test('is issued by token exchange, for the servers that an operator has named', async (t) => {
      const { server, ada, ask, tokens } = await begin(t, engine);
      await server.database.knex('T_accounts').where({ id: ada.id }).update({ email_verified: true });
      const answer = await ask();
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.deepEqual(
        [answer.body.issued_token_type, answer.body.token_type, answer.body.scope],
        [ID_JAG, 'N_A', 'chat.read'],
      );
      const { payload } = await jwtVerify(
        String(answer.body.access_token),
        createRemoteJWKSet(new URL(`${server.issuer}/jwks`)),
        { issuer: server.issuer, audience: CHAT, typ: 'oauth-id-jag+jwt' },
      );
      assert.deepEqual(
        [payload.sub, payload.client_id, payload.scope, payload.resource, payload.email],
        [ada.id, 'f53f191f', 'chat.read', 'https://api.chat.example', 'ada@harbour.example'],
      );
      assert.ok(payload.jti && payload.auth_time && Number(payload.exp) - Number(payload.iat) <= 300);

      assert.equal((await ask({ audience: 'https://other.example' })).body.error, 'invalid_target');
      const accessToken = String(tokens.body.access_token);
      assert.equal((await ask({ subject_token: accessToken })).body.error, 'invalid_request');
      const stranger = await server.createClient({
        grantTypes: ['authorization_code', EXCHANGE],
        assertionAudiences: [CHAT],
      });
      assert.equal((await ask({}, stranger)).body.error, 'invalid_request');
      await server.accounts.disable(OPERATOR, 'ada');
      assert.equal((await ask()).body.error, 'invalid_request');
    });

    test('has the address only if the user allowed the application to see it', async (t) => {
      const { server, app, ada, ask } = await begin(t, engine);
      await server.database.knex('T_accounts').where({ id: ada.id }).update({ email_verified: true });
      const other = await server.createClient({
        grantTypes: ['authorization_code', EXCHANGE],
        assertionAudiences: [`${CHAT} f53f191f`],
      });
      for (const [client, scope, email] of [
        [other, 'openid', undefined],
        [app, 'openid email', 'ada@harbour.example'],
      ] as const) {
        const { tokens } = await signInWith(server, client, ada, { scope });
        const answer = await ask({ subject_token: String(tokens.body.id_token) }, client);
        const claims = decodeJwt(String(answer.body.access_token));
        assert.deepEqual([claims.email, claims.email_verified], [email, email && true]);
      }
    });

    test('is not issued once its session has ended, though another one goes on', async (t) => {
      const { server, app, ada, ask, idToken, browser } = await begin(t, engine);
      const elsewhere = await signInWith(server, app, ada);
      const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: HOME });
      assert.equal((await browser.get(`/session/end?${query}`)).status, 303);
      const { error, error_description } = (await ask()).body;
      assert.deepEqual({ error, error_description }, ended);
      assert.equal((await ask({ subject_token: String(elsewhere.tokens.body.id_token) })).status, 200);
    });

    test("is not issued once the user has taken the application's access back", async (t) => {
      const { server, ask } = await begin(t, engine);
      await server.database.knex('T_grants').update({ revoked_at: new Date() });
      const { error, error_description } = (await ask()).body;
      assert.deepEqual({ error, error_description }, ended);
    });
  });
}
