import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import * as oidc from 'openid-client';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  type Authorization,
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  walk,
} from '../support/builders/authorization.ts';
import { createKey, type Key } from '../support/builders/client-assertions.ts';
import { startServer, type TestServer } from '../support/server.ts';

type Person = Awaited<ReturnType<TestServer['createAccount']>>;

describe('a request object (JAR, RFC 9101)', () => {
  const ends: (() => unknown)[] = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  let server: TestServer;
  let ada: Person;
  let key: Key;
  let client: ClientDocument;
  before(async () => {
    server = await startServer({ after: (end: () => unknown) => ends.push(end) } as never, 'sqlite');
    ada = await server.createAccount('ada', 'openid profile email calendar:read');
    key = await createKey('ES256', 'one');
    client = await server.createClient({ jwks: { keys: [key.jwk] } });
  });

  const claimsOf = ({ params }: Authorization, more: JWTPayload = {}): JWTPayload => ({
    iss: params.client_id,
    aud: server.issuer,
    exp: Math.floor(Date.now() / 1000) + 60,
    ...params,
    ...more,
  });
  const signed = (claims: JWTPayload, { privateKey, alg, kid } = key) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'oauth-authz-req+jwt' }).sign(privateKey);

  /** What is left of the request beside its object. */
  const wrap = (
    request: Authorization,
    object: string,
    params: Record<string, string> = {},
  ): Authorization => ({
    verifier: request.verifier,
    params: { client_id: String(request.params.client_id), request: object, ...params },
  });
  const OUTSIDE = { response_type: 'code', scope: 'openid', redirect_uri: 'https://fieldnotes.example/cb' };
  const errorOf = async (request: Authorization, object: string, params = OUTSIDE) => {
    const response = await new Browser(server.issuer).get(authorizeUrl(wrap(request, object, params)));
    const answer = answerOf(response);
    return `${answer.get('error')}: ${answer.get('error_description')}`;
  };

  test('by a registered key takes the place of every parameter in the address', async () => {
    const request = authorization(client, { scope: '  openid   email ' });
    const evil = { state: 'x', nonce: 'x', redirect_uri: 'https://evil.example', scope: 'calendar:read' };
    const object = await signed(claimsOf(request));
    const answer = answerOf(await walk(new Browser(server.issuer), wrap(request, object, evil), ada));
    assert.equal(answer.get('state'), request.params.state);
    const { body } = await redeem(server, client, request, answer.get('code'));
    assert.equal(body.scope, 'openid email');
  });

  test('may leave out the scope, name offline_access, and carry the claims as JSON', async () => {
    const claims = { userinfo: { name: null } };
    for (const [scope, granted] of [
      [undefined, 'openid'],
      ['openid offline_access', 'openid offline_access'],
    ]) {
      const { scope: _, ...params } = authorization(client).params;
      const { verifier } = authorization(client);
      const request = { verifier, params: { ...params, ...(scope ? { scope } : {}) } };
      const challenge = await oidc.calculatePKCECodeChallenge(verifier);
      const object = await signed(
        claimsOf(request as Authorization, { code_challenge: challenge, claims, max_age: 3600 }),
      );
      const answer = await walk(new Browser(server.issuer), wrap(request as Authorization, object), ada);
      const { body } = await redeem(server, client, request as Authorization, answerOf(answer).get('code'));
      assert.equal(body.scope, granted);
    }
  });

  test('is refused unsigned, forged, expired, for somebody else or by a secret that is only a digest', async () => {
    const request = authorization(client);
    const other = await createKey('ES256', 'one');
    const secret = createSecretKey(Buffer.from(String(client.client_secret)));
    const good = claimsOf(request);
    const hs256 = await new SignJWT(good).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    const attempts: [string, RegExp][] = [
      [new UnsecuredJWT(good).encode(), /^invalid_request_object: unsupported signed request alg/],
      [await signed(good, other), /^invalid_request_object: could not validate/],
      [await signed({ ...good, exp: 1 }), /^invalid_request_object/],
      [await signed({ ...good, aud: 'https://other.example' }), /^invalid_request_object/],
      [await signed({ ...good, iss: 'other' }), /^invalid_request_object/],
      [await signed({ ...good, client_id: 'other' }), /^invalid_request_object/],
      [await signed({ ...good, request_uri: 'https://evil.example' }), /^invalid_request_object/],
      [hs256, /^invalid_request_object: .*client_secret_jwt/],
      ['e30.e30.', /^invalid_request_object/],
    ];
    const alsoAssertion = await signed(claimsOf(request, { sub: client.client_id }));
    assert.match(await errorOf(request, alsoAssertion), /belongs to client assertions/);
    for (const [object, error] of attempts) assert.match(await errorOf(request, object), error);
    const rows = await server.database.knex('T_auth_audit_log').where({ action: 'authorization.refused' });
    assert.ok(rows.every(({ details }) => JSON.parse(details).parameter === 'request'));
  });

  test('that is refused is answered in the response mode that it names', async () => {
    const request = authorization(client, { response_mode: 'form_post' });
    const object = new UnsecuredJWT(claimsOf(request)).encode();
    const page = await new Browser(server.issuer).get(authorizeUrl(wrap(request, object, OUTSIDE)));
    const { fields, action } = await formOf(page);
    assert.equal(action, OUTSIDE.redirect_uri);
    assert.deepEqual([fields.error, fields.state], ['invalid_request_object', request.params.state]);
  });

  test('cannot send the answer to a redirect URI that is not registered', async () => {
    const request = authorization(client, { redirect_uri: 'https://evil.example/cb' });
    const page = await new Browser(server.issuer).get(
      authorizeUrl(wrap(request, await signed(claimsOf(request)), OUTSIDE)),
    );
    assert.equal(page.status, 400);
    assert.equal(page.headers.get('location'), null);
  });

  test('is demanded of an application that says so, with its algorithm', async () => {
    const strict = await server.createClient({
      jwks: { keys: [key.jwk, (await createKey('RS256', 'two')).jwk] },
      requireSignedRequest: true,
      requestObjectSigningAlg: 'RS256',
    });
    const request = authorization(strict);
    const plain = answerOf(await new Browser(server.issuer).get(authorizeUrl(request)));
    assert.match(String(plain.get('error_description')), /Request Object must be used/);
    assert.match(await errorOf(request, await signed(claimsOf(request))), /preregistered alg/);
  });

  test('may be signed with the secret of an application that authenticates with it', async () => {
    const sealed = await server.createClient({ authMethod: 'client_secret_jwt' });
    const request = authorization(sealed);
    const secret = createSecretKey(Buffer.from(String(sealed.client_secret)));
    const object = await new SignJWT(claimsOf(request)).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    const answer = answerOf(await walk(new Browser(server.issuer), wrap(request, object), ada));
    assert.ok(answer.get('code'), String(answer));
  });

  test('can be pushed, and nothing beside it counts', async () => {
    const request = authorization(client);
    const object = await signed(claimsOf(request));
    const { body, status } = await call(server, client, '/request', {
      request: object,
      scope: 'calendar:read',
    });
    assert.equal(status, 201, JSON.stringify(body));
    const params = { client_id: client.client_id, request_uri: String(body.request_uri) };
    const answer = answerOf(await walk(new Browser(server.issuer), { ...request, params }, ada));
    assert.equal(
      (await redeem(server, client, request, answer.get('code'))).body.scope,
      request.params.scope,
    );
  });

  test('of openid-client is understood', async () => {
    const config = await oidc.discovery(
      new URL(server.issuer),
      client.client_id,
      client.client_secret,
      undefined,
      { execute: [oidc.allowInsecureRequests] },
    );
    const verifier = oidc.randomPKCECodeVerifier();
    const parameters = {
      redirect_uri: OUTSIDE.redirect_uri,
      scope: 'openid email',
      state: 'a state',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    };
    const url = await oidc.buildAuthorizationUrlWithJAR(config, parameters, {
      key: key.privateKey,
      kid: key.kid,
    });
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request']);
    const request = { verifier, params: Object.fromEntries(url.searchParams) };
    const answer = await walk(new Browser(server.issuer), request, ada);
    const location = new URL(String(answer.headers.get('location')));
    const checks = { pkceCodeVerifier: verifier, expectedState: 'a state' };
    assert.equal((await oidc.authorizationCodeGrant(config, location, checks)).claims()?.sub, ada.id);
  });
});
