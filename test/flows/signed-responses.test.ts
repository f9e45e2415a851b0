import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Verifies a JWT with the published keys, as a client does. */
async function verify(server: TestServer, client: ClientDocument, jwt: unknown, algorithm = 'RS256') {
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
  const { payload, protectedHeader } = await jwtVerify(String(jwt), keys, {
    issuer: server.issuer,
    audience: client.client_id,
    algorithms: [algorithm],
  });
  return { payload, protectedHeader };
}

describe('a signed authorization response (JARM)', () => {
  test('has the code in each mode that the request can name', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ authorizationSignedResponseAlg: 'ES256' });
    const { browser } = await signInWith(server, client, await server.createAccount());
    for (const response_mode of ['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt']) {
      const request = authorization(client, { response_mode });
      const answer = await browser.get(authorizeUrl(request));
      const parameters =
        response_mode === 'form_post.jwt'
          ? (await formOf(answer)).fields
          : Object.fromEntries(new URLSearchParams(String(answer.headers.get('location')).split(/[?#]/)[1]));
      assert.deepEqual(Object.keys(parameters), ['response'], response_mode);
      const { payload } = await verify(server, client, parameters.response, 'ES256');
      assert.equal(payload.state, request.params.state);
      assert.equal((await redeem(server, client, request, String(payload.code))).status, 200);
    }
  });

  test('has the error too, also one that only the commit finds', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { browser, request: used } = await signInWith(server, client, ada);
    const errorOf = async (params: Record<string, string | undefined>) => {
      const request = authorization(client, { response_mode: 'jwt', ...params });
      const answer = answerOf(await browser.get(authorizeUrl(request)));
      const { payload } = await verify(server, client, answer.get('response'));
      assert.equal(payload.state, request.params.state);
      return payload.error;
    };
    assert.equal(await errorOf({ prompt: 'none', scope: 'nothing' }), 'invalid_scope');
    assert.equal(await errorOf({ nonce: used.params.nonce }), 'invalid_request');
  });

  test('is understood by openid-client', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const config = await oidc.discovery(
      new URL(server.issuer),
      client.client_id,
      client.client_secret,
      undefined,
      { execute: [oidc.allowInsecureRequests, oidc.useJwtResponseMode] },
    );
    const verifier = oidc.randomPKCECodeVerifier();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: 'https://fieldnotes.example/cb',
      scope: 'openid',
      state: 'a state',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const request = { verifier, params: Object.fromEntries(url.searchParams) };
    const answer = await walk(new Browser(server.issuer), request, await server.createAccount());
    const location = new URL(String(answer.headers.get('location')));
    const checks = { pkceCodeVerifier: verifier, expectedState: 'a state' };
    assert.ok((await oidc.authorizationCodeGrant(config, location, checks)).access_token);
  });
});

test('userinfo is signed for an application that is registered so', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ userinfoSignedResponseAlg: 'RS256' });
  const { tokens } = await signInWith(server, client, await server.createAccount());
  const response = await fetch(`${server.issuer}/me`, {
    headers: { authorization: `Bearer ${tokens.body.access_token}` },
  });
  assert.match(String(response.headers.get('content-type')), /^application\/jwt/);
  const { payload } = await verify(server, client, await response.text());
  assert.equal(payload.email, 'ada@harbour.example');
});

describe('a signed introspection response (RFC 9701)', () => {
  test('is what a client gets that accepts it, complete as the other', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ introspectionSignedResponseAlg: 'EdDSA' });
    const { tokens } = await signInWith(server, client, await server.createAccount());
    const ask = (accept: string | undefined, token = String(tokens.body.access_token)) =>
      fetch(`${server.issuer}/token/introspection`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
          ...(accept === undefined ? {} : { accept }),
        },
        body: new URLSearchParams({ token }),
      });
    const plain = (await (await ask(undefined)).json()) as Record<string, unknown>;
    assert.equal(plain.username, 'ada');
    const signed = await ask('application/token-introspection+jwt');
    assert.match(String(signed.headers.get('content-type')), /^application\/token-introspection\+jwt/);
    const { payload, protectedHeader } = await verify(server, client, await signed.text(), 'EdDSA');
    assert.equal(protectedHeader.typ, 'token-introspection+jwt');
    assert.deepEqual(payload.token_introspection, plain);
    assert.equal(typeof payload.iat, 'number');
    assert.deepEqual([payload.sub, payload.exp], [undefined, undefined]);
    const unknown = await ask('application/token-introspection+jwt', 'x');
    const { payload: inactive } = await verify(server, client, await unknown.text(), 'EdDSA');
    assert.deepEqual(inactive.token_introspection, { active: false });
  });
});
