import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import { askForToken, beginHandOut, CONNECTION_TOKEN } from '../support/builders/hand-outs.ts';
import { startWithGoogle } from '../support/builders/proxied-calls.ts';
import { EXCHANGE } from '../support/builders/token-exchange.ts';

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
