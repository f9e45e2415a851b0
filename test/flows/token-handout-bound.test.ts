import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import { askForToken, beginHandOut, CONNECTION_TOKEN } from '../support/builders/hand-outs.ts';
import { startWithGoogle } from '../support/builders/proxied-calls.ts';
import { EXCHANGE } from '../support/builders/token-exchange.ts';
import { isOpensslInstalled } from '../support/certificates.ts';
import { createCertificateFolder, makeSelfSigned } from '../support/client-certificates.ts';

test('a token that is bound to a key is exchanged for one of a service with its proof alone', async (t) => {
  const started = await startWithGoogle(t, 'sqlite');
  const { issuer } = started.server;
  const { person, client } = await beginHandOut(started);
  const [redirectUri = ''] = client.redirect_uris as string[];
  const config = await oidc.discovery(new URL(issuer), client.client_id, client.client_secret, undefined, {
    execute: [oidc.allowInsecureRequests],
  });
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid connections:google.token',
    state: 'x',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const request = { verifier, params: Object.fromEntries(url.searchParams) };
  const answer = await walk(new Browser(issuer), request, person);
  const tokens = await oidc.authorizationCodeGrant(
    config,
    new URL(`${redirectUri}?${answerOf(answer)}`),
    { pkceCodeVerifier: verifier, expectedState: 'x' },
    undefined,
    { DPoP },
  );
  const ask = (handle: oidc.DPoPHandle) =>
    oidc.genericGrantRequest(
      config,
      EXCHANGE,
      {
        subject_token: tokens.access_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        requested_token_type: `${CONNECTION_TOKEN}google`,
      },
      { DPoP: handle },
    );
  const handedOut = await ask(DPoP);
  assert.ok(started.google.isLive(handedOut.access_token));
  assert.equal(handedOut.token_type, 'bearer');

  // A thief has the token and the secret alone, or another key.
  const bare = await askForToken(started.server, client, tokens.access_token);
  assert.deepEqual([bare.status, bare.body.error], [400, 'invalid_request']);
  assert.match(String(bare.body.error_description), /bound to a key/);
  const thief = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  await assert.rejects(ask(thief), { error: 'invalid_request' });
});

test('a token that is bound to a certificate is exchanged with that certificate alone', {
  skip: !isOpensslInstalled() && 'apt-get install openssl',
}, async (t) => {
  const started = await startWithGoogle(t, 'sqlite', {
    trustProxy: ['127.0.0.1'],
    clientCertificates: { header: 'x-client-cert', verifiedHeader: 'x-client-verify' },
  });
  const { server } = started;
  const folder = createCertificateFolder();
  const [own, other] = [makeSelfSigned(folder, 'own'), makeSelfSigned(folder, 'other')];
  const { client, token } = await beginHandOut(started);
  const row = server.database.knex('T_access_tokens').where({ client_id: client.client_id });
  const { payload } = await row.clone().first('payload');
  const thumbprint = hash('sha256', new X509Certificate(own.cert).raw, 'base64url');
  await row.clone().update({ payload: JSON.stringify({ ...JSON.parse(payload), 'x5t#S256': thumbprint }) });
  const by = (cert: string) =>
    fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { 'x-client-cert': encodeURIComponent(cert), 'x-client-verify': 'SUCCESS' },
      body: new URLSearchParams({
        client_id: client.client_id,
        client_secret: String(client.client_secret),
        grant_type: EXCHANGE,
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        requested_token_type: `${CONNECTION_TOKEN}google`,
      }),
    });
  assert.equal((await askForToken(server, client, token)).status, 400);
  assert.equal((await by(other.cert)).status, 400);
  assert.equal((await by(own.cert)).status, 200);
});
