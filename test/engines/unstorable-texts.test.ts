import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { failureOf, toUnavailable } from '../../src/database/driver/failures.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, call } from '../support/builders/authorization.ts';
import { askForSignIn, createTill } from '../support/builders/ciba.ts';
import { createKey } from '../support/builders/client-assertions.ts';
import { startIdentityProvider } from '../support/builders/identity-provider.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const NUL = 'a\0b';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

for (const engine of engines) {
  describe(`a text that no database stores, on ${engine}`, () => {
    test('in a signed request object is an invalid request, at /auth and pushed', async (t) => {
      const server = await startServer(t, engine);
      const { jwk, privateKey } = await createKey('ES256', 'one');
      const client = await server.createClient({ jwks: { keys: [jwk] } });
      const { params } = authorization(client);
      for (const name of ['state', 'nonce', 'login_hint']) {
        const claims = { ...params, iss: client.client_id, aud: server.issuer, [name]: NUL };
        const signed = new SignJWT(claims).setExpirationTime('1 minute');
        const request = await signed.setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey);
        const { state: _, nonce: __, ...outside } = params;
        const url = authorizeUrl({ verifier: '', params: { ...outside, request } });
        const answer = answerOf(await new Browser(server.issuer).get(url));
        assert.equal(answer.get('error'), 'invalid_request', name);
        assert.equal(answer.get('error_description'), `${name} has a character that cannot be stored`);
        const pushed = await call(server, client, '/request', { request });
        assert.deepEqual([pushed.status, pushed.body.error], [400, 'invalid_request'], name);
      }
    });

    test('in an identity assertion is an invalid grant, before anything is looked up', async (t) => {
      const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
      const provider = await startIdentityProvider(t);
      const agent = await server.createClient({ redirectUris: [], grantTypes: [JWT_BEARER] });
      const forms = { exp: 1e20, auth_time: 'x', amr: 'pwd', acr: 5, scope: 5, resource: [{}] };
      const provided = { issuer: provider.issuer, jwksUri: provider.jwksUri, scope: 'billing:read' };
      await server.services.resources.create(
        { accountId: null },
        {
          identifier: 'https://billing.example',
          scope: 'billing:read',
          clientId: (
            await server.createClient({ redirectUris: [], resourceServer: true, scope: 'billing:read' })
          ).client_id,
        },
      );
      await server.services.trustedIssuers.add({ accountId: null }, provided);
      for (const [name, wrong] of Object.entries(forms)) {
        const claims = { aud: server.issuer, sub: 'ada', client_id: agent.client_id, [name]: wrong };
        const assertion = await provider.sign(claims);
        const { status, body } = await call(server, agent, '/token', { grant_type: JWT_BEARER, assertion });
        assert.deepEqual([status, body.error], [400, 'invalid_grant'], name);
      }
      for (const name of ['iss', 'sub', 'email', 'jti'])
        for (const wrong of [NUL, [NUL], ['ada'], { ada: 1 }]) {
          const claims = { aud: server.issuer, sub: 'ada', client_id: agent.client_id, [name]: wrong };
          const assertion = await provider.sign(claims);
          const { status, body } = await call(server, agent, '/token', { grant_type: JWT_BEARER, assertion });
          assert.deepEqual([status, body.error], [400, 'invalid_grant'], `${name} ${JSON.stringify(wrong)}`);
        }
    });

    test('as the name of a user who is asked to sign in is an invalid request', async (t) => {
      const server = await startServer(t, engine);
      const { status, body } = await askForSignIn(server, await createTill(server), { login_hint: NUL });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
    });
  });
}

test('what PostgreSQL refuses to store is wrong input, wherever it came from', () => {
  const refused = Object.assign(new Error('invalid byte sequence for encoding "UTF8": 0x00'), {
    code: '22021',
    severity: 'ERROR',
  });
  assert.equal(failureOf(refused), undefined);
  const answer = toUnavailable(refused);
  assert.ok(answer instanceof LatchkeyError);
  assert.deepEqual([answer.kind, answer.code, answer.status], ['invalid_input', 'text_not_storable', 400]);
});
