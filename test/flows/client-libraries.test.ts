import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

const GRANTS = ['authorization_code', 'refresh_token', 'client_credentials'] as const;

for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
  test(`openid-client completes its flows unchanged with ${alg}`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({
      grantTypes: [...GRANTS],
      idTokenSignedResponseAlg: alg,
      scope: 'openid profile email jobs:run',
    });
    const person = await server.createAccount();
    const config = await oidc.discovery(
      new URL(server.issuer),
      client.client_id,
      { client_secret: client.client_secret, id_token_signed_response_alg: alg },
      undefined,
      { execute: [oidc.allowInsecureRequests] },
    );
    const verifier = oidc.randomPKCECodeVerifier();
    const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: 'https://fieldnotes.example/cb',
      scope: 'openid profile email offline_access',
      prompt: 'consent',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    const request = { params: Object.fromEntries(url.searchParams), verifier };
    const last = await walk(new Browser(server.issuer), request, person);
    const expected = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    const tokens = await oidc.authorizationCodeGrant(
      config,
      new URL(last.headers.get('location') ?? ''),
      expected,
    );
    assert.equal(tokens.claims()?.email, 'ada@harbour.example');
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, person.id)).sub, person.id);
    const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '');
    assert.equal((await oidc.tokenIntrospection(config, fresh.access_token)).active, true);
    await oidc.tokenRevocation(config, fresh.access_token);
    assert.equal((await oidc.tokenIntrospection(config, fresh.access_token)).active, false);
    const own = await oidc.clientCredentialsGrant(config, { scope: 'jobs:run' });
    assert.equal(own.scope, 'jobs:run');
  });
}

test('openid-client registers itself (RFC 7591), signs a user in, and signs the user out', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const [redirect_uri, leaves] = ['https://tide.example/cb', 'https://tide.example/bye'];
  const config = await oidc.dynamicClientRegistration(
    new URL(server.issuer),
    { client_name: 'Tide', redirect_uris: [redirect_uri], post_logout_redirect_uris: [leaves] },
    undefined,
    { execute: [oidc.allowInsecureRequests] },
  );
  assert.equal(config.clientMetadata().client_name, 'Tide');
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: 'openid profile',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const browser = new Browser(server.issuer);
  const last = await walk(browser, { params: Object.fromEntries(url.searchParams), verifier }, person);
  const arrived = new URL(last.headers.get('location') ?? '');
  const tokens = await oidc.authorizationCodeGrant(config, arrived, { pkceCodeVerifier: verifier });
  assert.equal(tokens.claims()?.sub, person.id);
  const out = oidc.buildEndSessionUrl(config, {
    id_token_hint: String(tokens.id_token),
    post_logout_redirect_uri: leaves,
    state: 'ebb',
  });
  const gone = await browser.follow(await browser.get(out.href));
  assert.equal(gone.headers.get('location'), `${leaves}?state=ebb`);
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, person.id));
});

test('openid-client gets a refresh token for the scope offline_access alone, at first and in later sessions', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const person = await server.createAccount();
  const config = await oidc.discovery(
    new URL(server.issuer),
    client.client_id,
    client.client_secret,
    undefined,
    { execute: [oidc.allowInsecureRequests] },
  );
  for (const session of ['first', 'second']) {
    const verifier = oidc.randomPKCECodeVerifier();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: 'https://fieldnotes.example/cb',
      scope: 'openid offline_access',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const request = { params: Object.fromEntries(url.searchParams), verifier };
    const decision = session === 'first' ? 'allow' : 'deny';
    const last = await walk(new Browser(server.issuer), request, person, decision);
    const tokens = await oidc.authorizationCodeGrant(config, new URL(last.headers.get('location') ?? ''), {
      pkceCodeVerifier: verifier,
    });
    assert.ok((await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')).access_token, session);
  }
});

describe('oauth4webapi', () => {
  test('completes the code flow of a public application unchanged', async (t) => {
    const server = await startServer(t, 'sqlite');
    const registered = await server.createClient({ public: true });
    const person = await server.createAccount();
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(server.issuer);
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      const as = await oauth.processDiscoveryResponse(
        issuer,
        await oauth.discoveryRequest(issuer, { algorithm, ...insecure }),
      );
      const client: oauth.Client = { client_id: registered.client_id };
      const verifier = oauth.generateRandomCodeVerifier();
      const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
      const redirectUri = 'https://fieldnotes.example/cb';
      const params = {
        client_id: registered.client_id,
        response_type: 'code',
        redirect_uri: redirectUri,
        scope: 'openid email',
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      };
      const last = await walk(new Browser(server.issuer), { params, verifier }, person);
      answerOf(last);
      const answer = oauth.validateAuthResponse(
        as,
        client,
        new URL(last.headers.get('location') ?? ''),
        state,
      );
      const response = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        oauth.None(),
        answer,
        redirectUri,
        verifier,
        insecure,
      );
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      });
      assert.equal(oauth.getValidatedIdTokenClaims(tokens)?.sub, person.id);
      const me = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
      assert.equal(
        (await oauth.processUserInfoResponse(as, client, person.id, me)).email,
        'ada@harbour.example',
      );
    }
  });
});
