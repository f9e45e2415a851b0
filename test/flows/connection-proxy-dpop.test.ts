import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import {
  beginCalls,
  CALENDARS,
  callerOf,
  problemOf,
  startWithGoogle,
} from '../support/builders/proxied-calls.ts';

test('a token that is bound to a key calls a service with its proof alone', async (t) => {
  const started = await startWithGoogle(t, 'sqlite');
  const { issuer } = started.server;
  const { person, client } = await beginCalls(started);
  const [redirectUri = ''] = client.redirect_uris as string[];
  const config = await oidc.discovery(new URL(issuer), client.client_id, client.client_secret, undefined, {
    execute: [oidc.allowInsecureRequests],
  });
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid connections:google.read',
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
  const target = new URL(`${issuer}/connections/google/proxy/${CALENDARS}?maxResults=5`);
  const call = (handle: oidc.DPoPHandle) =>
    oidc.fetchProtectedResource(config, tokens.access_token, target, 'GET', null, undefined, {
      DPoP: handle,
    });
  assert.equal((await call(DPoP)).status, 200);
  assert.ok(!('dpop' in (started.google.requests.at(-1)?.headers ?? {})));

  // A thief has the token alone, or another key.
  await problemOf(await callerOf(started.server, tokens.access_token)(CALENDARS), 401, 'invalid_token');
  const thief = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  await assert.rejects(call(thief));
});
