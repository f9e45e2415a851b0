import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  call,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { createProver } from '../support/builders/dpop-proofs.ts';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const CHANGE = '/account/security';
const REFRESHING = { grantTypes: ['authorization_code', 'refresh_token'] };

for (const engine of engines) {
  describe(`a token that is presented on ${engine}`, () => {
    const { t, close } = createEnds();
    let server: TestServer;
    let client: ClientDocument;
    let other: ClientDocument;
    before(async () => {
      server = await startServer(t, engine);
      client = await server.createClient(REFRESHING as never);
      other = await server.createClient();
    });
    after(close);

    const introspect = async (by: ClientDocument, token: unknown) =>
      (await call(server, by, '/token/introspection', { token: String(token) })).body;

    test('is neither seen nor ended by another application, nor by a caller without a name', async () => {
      const { tokens } = await signInWith(server, client, await server.createAccount('ada'), {
        scope: 'openid offline_access',
      });
      for (const token of [tokens.body.access_token, tokens.body.refresh_token]) {
        assert.deepEqual(await introspect(other, token), { active: false });
        await call(server, other, '/token/revocation', { token: String(token) });
        for (const path of ['/token/introspection', '/token/revocation']) {
          const body = new URLSearchParams({ token: String(token) });
          assert.equal((await fetch(server.issuer + path, { method: 'POST', body })).status, 401);
        }
        assert.equal((await introspect(client, token)).active, true);
      }
      await call(server, client, '/token/revocation', { token: String(tokens.body.refresh_token) });
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
    });

    test('ends when its owner changes the password, and so does a code', async () => {
      const bob = await server.createAccount('bob');
      const { tokens } = await signInWith(server, client, bob, { scope: 'openid offline_access' });
      const request = authorization(client);
      const { code } = Object.fromEntries(answerOf(await walk(new Browser(server.issuer), request, bob)));
      const { browser } = await visit(server, bob, CHANGE);
      const { action, fields } = await formOf(await browser.get(CHANGE));
      const changed = await browser.post(action, {
        ...fields,
        current: bob.password,
        password: 'nine lighthouses in fog',
      });
      assert.equal(changed.status, 303);
      assert.deepEqual(await introspect(client, tokens.body.access_token), { active: false });
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      assert.equal((await redeem(server, client, request, String(code))).body.error, 'invalid_grant');
    });

    test('is not given for a proof of another endpoint, method, time or key', async () => {
      const service = await server.createClient({
        grantTypes: ['client_credentials'],
        redirectUris: [],
        requireDpop: true,
      });
      const prover = await createProver();
      const thief = await createProver();
      const now = Math.floor(Date.now() / 1000);
      const basic = Buffer.from(`${service.client_id}:${service.client_secret}`).toString('base64');
      const make = async () => ({
        headers: { authorization: `Basic ${basic}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const ask = (changes?: Parameters<typeof prover.send>[3]) =>
        prover.send(`${server.issuer}/token`, 'POST', make, changes);
      assert.equal((await ask()).status, 200);
      for (const claims of [
        { htu: `${server.issuer}/me` },
        { htu: 'https://other.example/token' },
        { htm: 'GET' },
        { iat: now - 3600, nonce: undefined },
        { jti: undefined },
      ]) {
        const refused = await ask({ claims });
        assert.equal(refused.status, 400, JSON.stringify(claims));
      }
      const { jwk } = JSON.parse(
        Buffer.from(String((await thief.prove('POST', 'x')).split('.')[0]), 'base64url').toString(),
      );
      assert.equal((await ask({ header: { jwk } })).status, 400, 'signed with another key');
    });
  });
}
