import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import type { ResourceInput } from '../../src/oidc/resources/input.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  call,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { arrive, decide, listedOn } from '../support/builders/consent.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const NOTES = 'https://notes.example/api';
const MAIL = 'https://mail.example/api';
const insecure = { execute: [oidc.allowInsecureRequests] };

const register = (server: TestServer, input: Partial<ResourceInput> = {}) =>
  server.services.resources.create(OPERATOR, {
    identifier: NOTES,
    name: 'Notes',
    scope: 'notes:read notes:write',
    ...input,
  });

const begin = async (t: Parameters<typeof startServer>[0], engine: Parameters<typeof startServer>[1]) => {
  const server = await startServer(t, engine);
  const client = await server.createClient({ scope: 'openid notes:* mail:read' });
  const ada = await server.createAccount('ada', 'openid profile notes:* mail:*');
  return { server, client, ada };
};

/** Checks a JWT as an API does, with an unchanged client library. */
async function validate(server: TestServer, audience: string, token: string | undefined) {
  const issuer = new URL(server.issuer);
  const options = { [oauth.allowInsecureRequests]: true };
  const discovered = await oauth.discoveryRequest(issuer, options);
  const as = await oauth.processDiscoveryResponse(issuer, discovered);
  const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(as, request, audience, options);
}

for (const engine of engines) {
  describe(`a resource on ${engine}`, () => {
    test('gets JWT access tokens from openid-client that oauth4webapi accepts, and refreshes for it', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      await register(server, { format: 'jwt', alg: 'ES256' });
      const config = await oidc.discovery(
        new URL(server.issuer),
        client.client_id,
        client.client_secret,
        undefined,
        insecure,
      );
      const verifier = oidc.randomPKCECodeVerifier();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: 'https://fieldnotes.example/cb',
        scope: 'openid offline_access notes:read mail:read',
        resource: NOTES,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      const request = { verifier, params: Object.fromEntries(url.searchParams) };
      const last = await walk(new Browser(server.issuer), request, ada);
      const tokens = await oidc.authorizationCodeGrant(
        config,
        new URL(last.headers.get('location') ?? ''),
        { pkceCodeVerifier: verifier, idTokenExpected: true },
        { resource: NOTES },
      );
      assert.equal(tokens.scope, 'notes:read');
      const claims = await validate(server, NOTES, tokens.access_token);
      assert.deepEqual(
        [claims.aud, claims.sub, claims.client_id, claims.scope, claims.acr, claims.amr],
        [NOTES, ada.id, client.client_id, 'notes:read', 'pwd', ['pwd']],
      );
      assert.equal(claims.auth_time, tokens.claims()?.auth_time);
      assert.equal(claims.exp - claims.iat, 600);
      const { alg, typ } = JSON.parse(
        Buffer.from(tokens.access_token.split('.')[0] ?? '', 'base64url').toString(),
      );
      assert.deepEqual([alg, typ], ['ES256', 'at+jwt']);
      assert.equal((await server.database.knex('T_access_tokens')).length, 0, 'a JWT is not stored');

      const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '', { resource: NOTES });
      const again = await validate(server, NOTES, fresh.access_token);
      assert.deepEqual([again.scope, again.auth_time], ['notes:read', claims.auth_time]);
      assert.notEqual(again.jti, claims.jti);
      await assert.rejects(validate(server, MAIL, fresh.access_token), /audience|aud/);
      await assert.rejects(oidc.fetchUserInfo(config, fresh.access_token, ada.id));
      await assert.rejects(oidc.tokenRevocation(config, fresh.access_token), /error/);
    });

    test('is named at consent with its scopes, which are remembered for it alone', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      await register(server);
      await register(server, { identifier: MAIL, name: 'Mail', scope: 'notes:read mail:read' });
      const ask = async (scope: string, resource: string) => {
        const browser = new Browser(server.issuer);
        const request = authorization(client, { scope, resource });
        return { browser, request, page: await arrive(browser, request, ada) };
      };
      const first = await ask('openid notes:read', NOTES);
      const signedIn = 'Know who you are when you sign in, and your roles in this application';
      const useNotes = 'Use “Notes” (https://notes.example/api) for you';
      const readNotes = 'See your notes, at “Notes”';
      const unquoted = async (page: Response) =>
        JSON.parse(JSON.stringify(await listedOn(page)).replaceAll('&#34;', '\\"'));
      assert.deepEqual(await unquoted(first.page), { asked: [signedIn, useNotes, readNotes], before: [] });
      const answer = answerOf(await decide(first.browser, first.page, 'allow'));
      const { body } = await redeem(server, client, first.request, answer.get('code'));
      assert.equal(body.scope, 'notes:read');
      assert.ok((await ask('openid notes:read', NOTES)).page.headers.has('location'), 'remembered');
      assert.ok((await ask('openid', NOTES)).page.headers.has('location'), 'without any of its scopes');

      const write = await ask('openid notes:read notes:write', NOTES);
      assert.deepEqual(await unquoted(write.page), {
        asked: ['Add and change your notes, at “Notes”'],
        before: [signedIn, useNotes, readNotes],
      });
      const other = await ask('openid notes:read', MAIL);
      assert.deepEqual((await unquoted(other.page)).asked, [
        'Use “Mail” (https://mail.example/api) for you',
        'See your notes, at “Mail”',
      ]);
      const plain = authorization(client, { scope: 'openid notes:read' });
      const without = await arrive(new Browser(server.issuer), plain, ada);
      assert.deepEqual((await unquoted(without)).asked, ['See your notes'], 'without a resource');
      const [grant] = await server.services.consents.list({ accountId: ada.id });
      assert.deepEqual(grant?.resources, { [NOTES]: ['*', 'notes:read'] });
    });

    test('has opaque tokens that only its own API may introspect', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      const api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'notes:read' });
      const rival = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'notes:*' });
      await register(server, { clientId: api.client_id, ttl: 120 });
      const { tokens } = await signInWith(server, client, ada, {
        scope: 'openid notes:read',
        resource: NOTES,
      });
      const { access_token: token, expires_in } = tokens.body;
      assert.equal(expires_in, 120);
      const check = async (by: typeof api) =>
        (await call(server, by, '/token/introspection', { token })).body;
      const seen = await check(api);
      assert.deepEqual(
        [seen.active, seen.aud, seen.scope, seen.sub, seen.username, seen.acr],
        [true, NOTES, 'notes:read', ada.id, 'ada', 'pwd'],
      );
      assert.equal((await check(client)).active, true);
      assert.deepEqual(await check(rival), { active: false }, 'it serves a scope of the same name');
      const me = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(me.status, 403);
      await server.accounts.disable(OPERATOR, 'ada');
      assert.deepEqual(await check(api), { active: false });
    });

    test('that is disabled gets no tokens on a second server, and has no active ones, within a second', async (t) => {
      const { server, client, ada } = await begin(t, engine);
      const second = await startServer(t, engine, {
        storage: server.storage,
        config: { issuer: server.issuer },
      });
      const elsewhere = { issuer: `http://127.0.0.1:${second.config.port}` };
      await register(server);
      const { tokens } = await signInWith(server, client, ada, {
        scope: 'openid offline_access notes:read',
        resource: NOTES,
      });
      const { access_token: token, refresh_token } = tokens.body;
      const check = async () =>
        (await call(elsewhere, client, '/token/introspection', { token })).body.active;
      assert.equal(await check(), true);
      await server.services.resources.disable(OPERATOR, NOTES);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal(await check(), false);
      const refused = await refresh(elsewhere, client, refresh_token);
      assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_target']);
      await server.services.resources.enable(OPERATOR, NOTES);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal((await refresh(elsewhere, client, refresh_token)).status, 200, 'it was not used up');
    });
  });
}
