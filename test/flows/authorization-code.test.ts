import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  call,
  lost,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`authorization code on ${engine}`, () => {
    test('the person signs in and allows, and the application gets its tokens', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ refreshOverlap: 0 });
      const person = await server.createAccount();
      const { answer, request, tokens, browser } = await signInWith(server, client, person, {
        scope: 'openid profile email offline_access',
        prompt: 'consent',
      });
      assert.equal(answer.get('state'), request.params.state);
      assert.equal(answer.get('iss'), server.issuer);
      assert.equal(tokens.status, 200);
      assert.equal(tokens.body.scope, 'openid profile email offline_access');
      assert.ok(tokens.body.refresh_token && tokens.body.id_token);
      assert.equal(tokens.headers.get('cache-control'), 'no-store');

      const me = await fetch(`${server.issuer}/me`, {
        headers: { authorization: `Bearer ${tokens.body.access_token}` },
      });
      const { updated_at, ...claims } = (await me.json()) as Record<string, unknown>;
      assert.equal(typeof updated_at, 'number');
      assert.deepEqual(claims, {
        sub: person.id,
        preferred_username: 'ada',
        email: 'ada@harbour.example',
        email_verified: false,
      });

      const next = await refresh(server, client, tokens.body.refresh_token);
      assert.equal(next.status, 200);
      assert.notEqual(next.body.refresh_token, tokens.body.refresh_token);
      const info = await call(server, client, '/token/introspection', { token: next.body.access_token });
      assert.equal(info.body.active, true);

      const silent = authorization(client, { prompt: 'none' });
      const again = answerOf(await browser.get(`/auth?${new URLSearchParams(silent.params)}`));
      assert.equal((await redeem(server, client, silent, again.get('code'))).status, 200);

      const reuse = await refresh(server, client, tokens.body.refresh_token);
      assert.equal(reuse.body.error, 'invalid_grant');
      assert.equal((await refresh(server, client, next.body.refresh_token)).status, 400);
      const rows = await server.database.knex('T_revoked_tokens').where({ reason: 'refresh_token_reuse' });
      assert.equal(rows.length, 1);
      const [asked] = await server.database.knex('T_authorization_requests').select('status');
      assert.equal(asked.status, 'approved');
    });

    test('a person who denies is sent back with access_denied, and nothing is granted', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const person = await server.createAccount();
      const answer = answerOf(await walk(new Browser(server.issuer), authorization(client), person, 'deny'));
      assert.equal(answer.get('error'), 'access_denied');
      assert.equal(answer.get('iss'), server.issuer);
      assert.equal((await server.database.knex('T_grants')).length, 0);
      assert.equal((await server.database.knex('T_authorization_codes')).length, 0);
      assert.equal((await server.database.knex('T_authorization_requests').first()).status, 'denied');
    });

    test('of 50 redemptions of one code at once one succeeds, and the others revoke its tokens', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const person = await server.createAccount();
      const request = authorization(client);
      const code = answerOf(await walk(new Browser(server.issuer), request, person)).get('code');
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => redeem(server, client, request, code)),
      );
      const won = answers.filter(({ status }) => status === 200);
      assert.equal(won.length, 1);
      assert.equal(
        answers.filter(lost).length,
        49,
        JSON.stringify(answers.map((a) => [a.status, a.body.error])),
      );
      const info = await call(server, client, '/token/introspection', { token: won[0]?.body.access_token });
      assert.equal(info.body.active, false);
    });
  });
}
