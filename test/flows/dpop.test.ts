import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oidc from 'openid-client';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const insecure = { execute: [oidc.allowInsecureRequests] };

async function connect(server: TestServer, input: Partial<ClientInput> = {}) {
  const client = await server.createClient({ requireDpop: true, ...input });
  const { client_id, client_secret } = client;
  const config = await oidc.discovery(
    new URL(server.issuer),
    client_id,
    client_secret,
    client_secret ? undefined : oidc.None(),
    insecure,
  );
  const [redirectUri = ''] = client.redirect_uris as string[];
  return { client, config, redirectUri };
}

/** Signs a person in as openid-client does with DPoP. */
async function signIn(server: TestServer, input: Partial<ClientInput> = {}) {
  const { client, config, redirectUri } = await connect(server, input);
  const ada = await server.createAccount();
  const dpop = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile offline_access',
    state: 'x',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const request = { verifier, params: Object.fromEntries(url.searchParams) };
  const answer = await walk(new Browser(server.issuer), request, ada);
  const arrived = new URL(`${redirectUri}?${answerOf(answer)}`);
  const exchange = (options?: oidc.DPoPOptions) =>
    oidc.authorizationCodeGrant(
      config,
      arrived,
      { pkceCodeVerifier: verifier, expectedState: 'x' },
      undefined,
      options,
    );
  return { client, config, dpop, ada, exchange };
}

const start = (t: Parameters<typeof startServer>[0], engine: EngineName) => startServer(t, engine);

for (const engine of engines) {
  describe(`DPoP on ${engine}`, () => {
    test('binds access and refresh tokens of openid-client to its key', async (t) => {
      const server = await start(t, engine);
      const { config, dpop, ada, exchange } = await signIn(server, { public: true });
      const tokens = await exchange({ DPoP: dpop });
      assert.equal(tokens.token_type, 'dpop');
      const subject = String(tokens.claims()?.sub);
      const info = await oidc.fetchUserInfo(config, tokens.access_token, subject, { DPoP: dpop });
      assert.equal(info.preferred_username, ada.username);
      const refreshed = await oidc.refreshTokenGrant(config, String(tokens.refresh_token), undefined, {
        DPoP: dpop,
      });
      assert.equal(refreshed.token_type, 'dpop');

      // What a thief can do with the tokens alone, or with a key of their own.
      for (const [scheme, status] of [
        ['Bearer', 401],
        ['DPoP', 400],
      ]) {
        const headers = { authorization: `${scheme} ${tokens.access_token}` };
        assert.equal((await fetch(`${server.issuer}/me`, { headers })).status, status, String(scheme));
      }
      const thief = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
      await assert.rejects(oidc.fetchUserInfo(config, refreshed.access_token, subject, { DPoP: thief }));
      await assert.rejects(
        oidc.refreshTokenGrant(config, String(refreshed.refresh_token), undefined, { DPoP: thief }),
      );
      await assert.rejects(oidc.refreshTokenGrant(config, String(refreshed.refresh_token)));
      const mine = await oidc.refreshTokenGrant(config, String(refreshed.refresh_token), undefined, {
        DPoP: dpop,
      });
      assert.ok(mine.access_token);
    });

    test('accepts a proof once, also when it is sent many times at once', async (t) => {
      const server = await start(t, engine);
      const { client, config } = await connect(server, {
        grantTypes: ['client_credentials'],
        redirectUris: [],
      });
      const proofs: string[] = [];
      config[oidc.customFetch] = (url, options) => {
        const proof = new Headers(options.headers as Record<string, string>).get('dpop');
        if (proof) proofs.push(proof);
        return fetch(url, options as RequestInit);
      };
      const dpop = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
      await oidc.clientCredentialsGrant(config, undefined, { DPoP: dpop });
      // The first proof had no nonce yet, and the second one was used. The third is caught on its way.
      const caught = new Promise<string>((resolve) => {
        config[oidc.customFetch] = async (_url, options) => {
          resolve(String(new Headers(options.headers as Record<string, string>).get('dpop')));
          return new Response('{"access_token":"x","token_type":"DPoP"}', {
            headers: { 'content-type': 'application/json' },
          });
        };
      });
      await oidc.clientCredentialsGrant(config, undefined, { DPoP: dpop });
      const send = async (proof: string) => {
        const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
        const response = await fetch(`${server.issuer}/token`, {
          method: 'POST',
          headers: { authorization: `Basic ${basic}`, dpop: proof },
          body: new URLSearchParams({ grant_type: 'client_credentials' }),
        });
        return response.status;
      };
      const proof = await caught;
      const answers = await Promise.all(Array.from({ length: 10 }, () => send(proof)));
      assert.deepEqual(answers.sort(), [200, ...Array(9).fill(400)]);
      for (const used of proofs) assert.equal(await send(used), 400);
    });
  });
}

test('an application that requires DPoP gets no tokens without a proof, and no row says that a nonce was asked for', async (t) => {
  const server = await start(t, 'sqlite');
  const { client, exchange, dpop } = await signIn(server);
  await assert.rejects(exchange());
  const refused = (await server.clients.show(client.client_id)).last_refused as { parameter?: string };
  assert.equal(refused.parameter, 'DPoP');
  await exchange({ DPoP: dpop });
  const rows = await server.database.knex('T_auth_audit_log').where({ error_code: 'use_dpop_nonce' });
  assert.equal(rows.length, 0);
});

test('proofs beside the pushed requests of an application without a secret write no rows', async (t) => {
  const server = await start(t, 'sqlite');
  const { client, config, redirectUri } = await connect(server, { public: true });
  const dpop = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const params = {
    redirect_uri: redirectUri,
    code_challenge: await oidc.calculatePKCECodeChallenge('v'.repeat(43)),
    code_challenge_method: 'S256',
  };
  await oidc.buildAuthorizationUrlWithPAR(config, params, { DPoP: dpop });
  const wrong = { ...params, client_id: client.client_id, dpop_jkt: 'x'.repeat(43) };
  await assert.rejects(oidc.buildAuthorizationUrlWithPAR(config, wrong, { DPoP: dpop }), {
    code: 'OAUTH_RESPONSE_BODY_ERROR',
  });
  assert.deepEqual(await server.database.knex('T_replay_detections'), []);
});
