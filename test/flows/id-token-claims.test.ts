import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, redeem, walk } from '../support/builders/authorization.ts';
import { OPERATOR, only, signInForClaims } from '../support/builders/client-claims.ts';
import { claimsOf } from '../support/builders/second-factor.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const PERSONAL = ['name', 'preferred_username', 'email', 'email_verified'];

describe('the ID token of an application with --id-token-claims requested', () => {
  test('has no claim of profile and email, which userinfo has', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    await server.services.accounts.roles.grant(OPERATOR, { username: 'ada', role: 'editor' });
    const client = await server.createClient({ idTokenClaims: 'requested', claims: ['login=username'] });
    const first = await signInForClaims(server, client, person);
    for (const { idToken, userinfo } of [first, await first.refresh()]) {
      assert.deepEqual(only(idToken, PERSONAL), {});
      assert.deepEqual([idToken.acr, idToken.roles, idToken.login], ['pwd', ['editor'], 'ada']);
      assert.deepEqual([userinfo.email, userinfo.preferred_username], ['ada@harbour.example', 'ada']);
    }
  });

  test('has the claims that the request names for it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ idTokenClaims: 'requested' });
    const claims = JSON.stringify({ id_token: { email: { essential: true } }, userinfo: { name: null } });
    const { idToken } = await signInForClaims(server, client, await server.createAccount(), { claims });
    assert.deepEqual(only(idToken, PERSONAL), { email: 'ada@harbour.example' });
  });

  test('has all of them where the access token is for an API, with which nobody can ask at userinfo', async (t) => {
    const server = await startServer(t, 'sqlite');
    const resource = 'https://notes.example/api';
    await server.services.resources.create(OPERATOR, { identifier: resource, scope: 'notes:read' });
    const scope = 'openid email notes:read';
    const client = await server.createClient({ idTokenClaims: 'requested', scope });
    const person = await server.createAccount('ada', scope);
    const request = { ...authorization(client, { scope }), resources: [resource] };
    const answer = answerOf(await walk(new Browser(server.issuer), request, person));
    const { body } = await redeem(server, client, request, answer.get('code'), { resource });
    assert.equal(claimsOf(String(body.id_token)).email, 'ada@harbour.example');
  });

  test('is set and taken back by the command, and is not the default', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { client_id, id_token_claims } = await server.createClient();
    assert.equal(id_token_claims, 'scope');
    const run = async (...args: string[]) => {
      const { stdout, stderr } = await latchkey(['client', 'update', client_id, '--json', ...args], {
        url: server.storage.url,
      });
      return stdout ? JSON.parse(stdout) : stderr;
    };
    const messages = [
      '--id-token-claims',
      'requested',
      '--userinfo-alg',
      'ES256',
      '--require-signed-request',
    ];
    const changed = await run(...messages, '--request-alg', 'PS256', '--response-alg', 'EdDSA');
    assert.deepEqual(
      [
        changed.id_token_claims,
        changed.userinfo_signed_response_alg,
        changed.require_signed_request_object,
        changed.request_object_signing_alg,
        changed.authorization_signed_response_alg,
      ],
      ['requested', 'ES256', true, 'PS256', 'EdDSA'],
    );
    const back = await run('--userinfo-alg', 'none', '--request-alg', 'any', '--no-require-signed-request');
    assert.deepEqual(
      [back.id_token_claims, back.userinfo_signed_response_alg, back.request_object_signing_alg],
      ['requested', undefined, undefined],
    );
    assert.equal(back.require_signed_request_object, false);
    assert.match(await run('--id-token-claims', 'all'), /one of scope, requested/);
  });
});
