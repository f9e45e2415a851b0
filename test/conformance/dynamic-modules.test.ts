import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { createKey, type Key, sign } from '../support/builders/client-assertions.ts';
import { CALLBACK, createEnds, openSuite, type Suite } from '../support/builders/conformance.ts';
import { manage, type RegistrationAnswer, register } from '../support/builders/registration.ts';
import { type DocumentServer, startDocumentServer } from '../support/document-server.ts';

type Json = Record<string, unknown>;
interface Registered {
  client: RegistrationAnswer['body'];
  key: Key;
}

/**
 * The modules of the dynamic plan, in which every application registers itself and authenticates with `private_key_jwt`. The
 * suite names the token endpoint as the audience of its assertions, which a setting allows. The module
 * `oidcc-discovery-endpoint-verification` wants what OAuth 2.1 has removed.
 */
describe('the dynamic plan', () => {
  const { t, close } = createEnds();
  let suite: Suite;
  let documents: DocumentServer;
  let keys: ReturnType<typeof createLocalJWKSet>;
  const jwks = async () => (await (await fetch(`${suite.server.issuer}/jwks`)).json()) as JSONWebKeySet;
  before(async () => {
    suite = await openSuite(t, 'default', { tokenEndpointAudience: true });
    documents = await startDocumentServer();
    keys = createLocalJWKSet(await jwks());
  });
  after(async () => {
    documents.close();
    await close();
  });

  /** What the suite sends, with one key that has no `kid`. */
  async function ask(members: Json = {}, key?: Key) {
    const own = key ?? (await createKey('RS256', 'one'));
    const { kid: _, ...jwk } = own.jwk;
    const answer = await register(suite.server, {
      client_name: 'latchkey 1',
      grant_types: ['authorization_code'],
      jwks: members.jwks_uri === undefined ? { keys: [{ ...jwk, use: 'sig' }] } : undefined,
      token_endpoint_auth_method: 'private_key_jwt',
      response_types: ['code'],
      redirect_uris: [CALLBACK],
      contacts: ['certification@oidf.org'],
      ...members,
    });
    return { ...answer, key: own };
  }
  async function enrol(members?: Json, key?: Key): Promise<Registered> {
    const { status, headers, body, key: own } = await ask(members, key);
    assert.equal(status, 201, JSON.stringify(body));
    assert.match(String(headers.get('content-type')), /^application\/json/);
    assert.ok(body.registration_access_token && body.registration_client_uri);
    return { client: body, key: own };
  }
  async function token({ client, key }: Registered, fields: Record<string, string>, aud?: string) {
    const at = aud ?? `${suite.server.issuer}/token`;
    const header = client.jwks_uri ? {} : { kid: undefined };
    const body = new URLSearchParams({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await sign(suite.server, client.client_id, key, { claims: { aud: at }, header }),
      ...fields,
    });
    const response = await fetch(`${suite.server.issuer}/token`, { method: 'POST', body });
    return { status: response.status, body: (await response.json()) as Json };
  }
  async function signIn(app: Registered, params: Record<string, string> = {}, aud?: string) {
    const client_id = app.client.client_id;
    const { callback, sent } = await suite.authorize({ client_id, ...params });
    assert.ok(callback.code, JSON.stringify(callback));
    const redirect_uri = String(sent.redirect_uri);
    const fields = { grant_type: 'authorization_code', code: callback.code, redirect_uri };
    const { status, body } = await token(app, fields, aud);
    assert.equal(status, 200, JSON.stringify(body));
    const idToken = String(body.id_token);
    const { payload } = await jwtVerify(idToken, keys, { issuer: suite.server.issuer, audience: client_id });
    assert.equal(payload.nonce, sent.nonce);
    return { body, claims: payload, header: decodeProtectedHeader(idToken) };
  }

  test('oidcc-server and oidcc-idtoken-rs256: the ID token is signed with RS256 and names its key; the client is unregistered', async () => {
    const app = await enrol({ id_token_signed_response_alg: 'RS256' });
    const { header } = await signIn(app);
    assert.ok(header.kid && header.alg === 'RS256');
    const { registration_client_uri: uri, registration_access_token: own } = app.client;
    assert.equal((await manage('DELETE', uri, own)).status, 204);
  });

  test('oidcc-userinfo-rs256: userinfo is a JWT signed with RS256, for the client', async () => {
    const app = await enrol({ userinfo_signed_response_alg: 'RS256' });
    const { body, claims } = await signIn(app);
    const headers = { authorization: `Bearer ${body.access_token}` };
    const response = await fetch(`${suite.server.issuer}/me`, { headers });
    assert.match(String(response.headers.get('content-type')), /^application\/jwt/);
    const audience = app.client.client_id;
    const { payload, protectedHeader } = await jwtVerify(await response.text(), keys, { audience });
    assert.deepEqual(
      [payload.iss, payload.sub, payload.nonce, protectedHeader.alg],
      [suite.server.issuer, claims.sub, undefined, 'RS256'],
    );
  });

  test('oidcc-idtoken-unsigned and oidcc-request-uri-unsigned: skipped, since `none` is not published', async () => {
    const response = await fetch(`${suite.server.issuer}/.well-known/openid-configuration`);
    const metadata = (await response.json()) as Record<string, string[]>;
    assert.ok(!metadata.id_token_signing_alg_values_supported?.includes('none'));
    assert.ok(!metadata.request_object_signing_alg_values_supported?.includes('none'));
    assert.equal(metadata.request_uri_parameter_supported, true);
    const unsigned = await ask({ id_token_signed_response_alg: 'none' });
    assert.deepEqual([unsigned.status, unsigned.body.error], [400, 'invalid_client_metadata']);
  });

  const opens = async ({ client }: Registered, redirect_uri: string | undefined) => {
    const request = suite.request({ client_id: client.client_id, redirect_uri });
    const { response } = await suite.open(request, suite.browser());
    return response;
  };

  test('oidcc-redirect-uri-query-OK, -mismatch, -added and oidcc-ensure-redirect-uri-in-authorization-request: exactly the registered one', async () => {
    const withQuery = `${CALLBACK}?dummy1=lorem&dummy2=ipsum`;
    const app = await enrol({ redirect_uris: [withQuery] });
    await signIn(app, { redirect_uri: withQuery });
    const plain = await enrol();
    for (const [client, uri] of [
      [app, `${CALLBACK}?dummy1=lorem&dummy2=other`],
      [plain, withQuery],
      [plain, undefined],
    ] as const) {
      const response = await opens(client, uri);
      assert.deepEqual([response.status, response.headers.get('location')], [400, null], uri);
    }
  });

  test('oidcc-redirect-uri-regfrag: a redirect URI with a fragment is refused', async () => {
    const { status, body } = await ask({ redirect_uris: [`${CALLBACK}#fragment`] });
    assert.deepEqual([status, body.error], [400, 'invalid_redirect_uri']);
  });

  test('oidcc-registration-policy-uri, -tos-uri, -logo-uri: the user can read both documents, and no foreign picture is loaded', async () => {
    const { client } = await enrol({
      logo_uri: 'https://localhost.emobix.co.uk:8443/logo.png',
      policy_uri: 'https://localhost.emobix.co.uk:8443/policy.html',
      tos_uri: 'https://localhost.emobix.co.uk:8443/tos.html',
    });
    const browser = suite.browser();
    const params = suite.request({ client_id: client.client_id });
    await suite.authorize({ client_id: suite.client.client_id }, browser);
    const page = await browser.follow(await browser.get(`/auth?${new URLSearchParams(params)}`));
    const html = await page.text();
    assert.match(html, /href="https:\/\/localhost\.emobix\.co\.uk:8443\/policy\.html"/);
    assert.match(html, /href="https:\/\/localhost\.emobix\.co\.uk:8443\/tos\.html"/);
    assert.doesNotMatch(html, /logo\.png/);
    assert.match(html, /calls itself “<bdi>latchkey 1/);
  });

  test('oidcc-registration-jwks-uri and oidcc-refresh-token-rp-key-rotation: the next key at the address authenticates', async (context) => {
    const [first, next] = [await createKey('RS256', 'first'), await createKey('RS256', 'next')];
    documents.documents.set('/client1_jwks', { keys: [first.jwk] });
    const app = await enrol(
      {
        jwks_uri: `${documents.origin}/client1_jwks`,
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid offline_access',
      },
      first,
    );
    const { body, claims } = await signIn(app, { scope: 'openid offline_access', prompt: 'consent' });
    documents.documents.set('/client1_jwks', { keys: [next.jwk] });
    // The suite waits for a minute before it uses the next key.
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 60_000 });
    const fields = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) };
    const renewed = await token({ ...app, key: next }, { ...fields, scope: 'openid offline_access' });
    context.mock.timers.reset();
    assert.equal(renewed.status, 200, JSON.stringify(renewed.body));
    const { payload } = await jwtVerify(String(renewed.body.id_token), keys, {
      currentDate: new Date(Date.now() + 60_000),
    });
    assert.deepEqual([payload.sub, payload.aud], [claims.sub, claims.aud]);
  });

  test('oidcc-registration-sector-uri and -sector-bad: the list must have every redirect URI', async () => {
    documents.documents.set('/redirect_uris.json', [CALLBACK, `${CALLBACK}2`]);
    documents.documents.set('/bad.json', [`${CALLBACK}2`]);
    const sector = (path: string) => ({
      subject_type: 'pairwise',
      sector_identifier_uri: `${documents.origin}${path}`,
    });
    const app = await enrol(sector('/redirect_uris.json'));
    const sibling = await enrol({ ...sector('/redirect_uris.json'), redirect_uris: [`${CALLBACK}2`] });
    const { claims } = await signIn(app);
    const { claims: same } = await signIn(sibling, { redirect_uri: `${CALLBACK}2` });
    assert.equal(claims.sub, same.sub, 'applications of one sector get the same subject');
    const { claims: other } = await signIn(await enrol({ subject_type: 'pairwise' }));
    assert.notEqual(claims.sub, other.sub);
    const account = await suite.server.accounts.show('conformance');
    assert.ok(![claims.sub, other.sub].includes(account.id));
    for (const path of ['/bad.json', '/missing.json']) {
      const { status, body } = await ask(sector(path));
      assert.deepEqual([status, body.error], [400, 'invalid_client_metadata'], path);
    }
  });

  test('oidcc-request-uri-signed-rs256: the request object at a registered address is the request', async () => {
    const request_uri = `${documents.origin}/request#fragment`;
    const app = await enrol({ request_uris: [request_uri], request_object_signing_alg: 'RS256' });
    const { privateKey } = app.key;
    const inside = suite.request({ client_id: app.client.client_id, nonce: 'of the object' });
    const object = await new SignJWT(inside)
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(app.client.client_id)
      .setAudience(suite.server.issuer)
      .sign(privateKey);
    documents.documents.set('/request', (_request, response) => response.end(object));
    const outside = { client_id: app.client.client_id, nonce: 'beside it', request_uri };
    const { callback } = await suite.authorize(outside);
    const redirect_uri = String(inside.redirect_uri);
    const fields = { grant_type: 'authorization_code', code: String(callback.code), redirect_uri };
    const { body } = await token(app, fields);
    const { payload } = await jwtVerify(String(body.id_token), keys, { audience: app.client.client_id });
    assert.equal(payload.nonce, inside.nonce);
  });

  test('oidcc-ensure-request-object-with-redirect-uri: skipped or refused, and never the address beside the object', async () => {
    const { client } = await enrol();
    const request = suite.request({ client_id: client.client_id, redirect_uri: 'https://evil.example/cb' });
    const response = await suite
      .browser()
      .get(`/auth?${new URLSearchParams({ ...request, request: 'a.b.' })}`);
    assert.equal(response.headers.get('location'), null);
  });

  test('oidcc-server-rotate-keys: the next key is published, and the old one stays', async () => {
    const kidsOf = async () => (await jwks()).keys.map(({ kid }) => kid);
    const before = await kidsOf();
    await suite.server.services.signingKeys.rotate({ accountId: null });
    await suite.server.refreshKeys();
    const later = await kidsOf();
    assert.ok(before.every((kid) => later.includes(kid)));
    assert.notDeepEqual(later, before);
  });

  test('oidcc-ensure-client-assertion-with-iss-aud-succeeds: the issuer is an audience too', async () => {
    await signIn(await enrol(), {}, suite.server.issuer);
  });
});
