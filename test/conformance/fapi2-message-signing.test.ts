import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeProtectedHeader, type JWTPayload, SignJWT } from 'jose';
import { createEnds } from '../support/builders/conformance.ts';
import { createFapiClient, type FapiClient } from '../support/builders/fapi-client.ts';
import { startServer, type TestServer } from '../support/server.ts';

const now = () => Math.floor(Date.now() / 1000);

/** Modules of the plan FAPI 2.0 Message Signing, whose names begin with `fapi2-security-profile-final-`. */
describe('the modules of FAPI 2.0 Message Signing', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let app: FapiClient;
  before(async () => {
    server = await startServer(t, 'sqlite');
    app = await createFapiClient(server);
  });
  after(close);

  /** Pushes a signed request. */
  async function push(changes: JWTPayload = {}) {
    const claims = {
      ...(await app.request()),
      client_id: app.client.client_id,
      iss: app.client.client_id,
      aud: server.issuer,
      nbf: now(),
      exp: now() + 300,
      ...changes,
    };
    const request = await new SignJWT(claims)
      .setProtectedHeader({ alg: app.key.alg, kid: app.key.kid })
      .sign(app.key.privateKey);
    const { status } = await app.send('/request', { request });
    return { status, length: request.length };
  }

  test('happy-flow: a signed response is signed with ES256, and RS256 is refused at registration', async () => {
    const arrived = await app.signIn(await server.createAccount(), { response_mode: 'jwt' });
    const response = arrived.searchParams.get('response') ?? assert.fail(arrived.href);
    assert.equal(decodeProtectedHeader(response).alg, 'ES256');
    assert.equal(app.client.introspection_signed_response_alg, 'ES256');
    for (const name of [
      'authorizationSignedResponseAlg',
      'introspectionSignedResponseAlg',
      'userinfoSignedResponseAlg',
    ])
      await assert.rejects(
        server.clients.update({ accountId: null }, app.client.client_id, { [name]: 'RS256' }),
        { code: 'fapi_profile_violated' },
        name,
      );
  });

  test('ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted, and -nbf-over-60-fails', async () => {
    assert.equal((await push({ nbf: now() + 8 })).status, 201);
    assert.equal((await push({ nbf: now() + 70 })).status, 400);
    assert.equal((await push({ nbf: now() - 60, exp: now() - 15 })).status, 400);
  });

  test('test-claims-parameter-identity-claims: a long signed request is accepted with the assertion beside it', async () => {
    const { status, length } = await push({ login_hint: 'x'.repeat(1740) });
    assert.ok(length > 2800 && length < 3000, String(length));
    assert.equal(status, 201);
    assert.equal((await push({ login_hint: 'x'.repeat(2000) })).status, 400);
  });
});
