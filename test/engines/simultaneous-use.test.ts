import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
  type TokenAnswer,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

/**
 * Delays the commits that use up a code or token until there are two. Both requests have then read it as unused, and
 * only the database can decide between them.
 */
function holdTwo({ database: { driver } }: TestServer): void {
  const commit = driver.commit.bind(driver);
  let release = () => {};
  const both = new Promise<void>((done) => {
    release = done;
  });
  let held = 0;
  driver.commit = async (writes) => {
    if (writes.some(({ guard }) => guard === 'consume')) {
      held += 1;
      if (held === 2) release();
      await both;
    }
    return commit(writes);
  };
}

for (const engine of engines) {
  describe(`two requests at once, on ${engine}`, () => {
    for (const what of ['code', 'refresh token']) {
      test(`that both read a ${what} as unused: one gets tokens, and the other revokes them`, async (t) => {
        const server = await startServer(t, engine);
        const client = await server.createClient({ firstParty: true, refreshOverlap: 0 });
        const { browser } = await signInWith(server, client, await server.createAccount());
        const request = authorization(client, { prompt: 'none', scope: 'openid offline_access' });
        const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
        let use: () => Promise<TokenAnswer> = () => redeem(server, client, request, code);
        if (what === 'refresh token') {
          const { body } = await use();
          use = () => refresh(server, client, body.refresh_token);
        }
        holdTwo(server);
        const answers = await Promise.all([use(), use()]);
        assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 400]);
        const lost = answers.find(({ status }) => status === 400);
        assert.deepEqual(lost?.body, {
          error: 'invalid_grant',
          error_description: 'grant request is invalid',
        });
        const won = answers.find(({ status }) => status === 200)?.body;
        const info = await call(server, client, '/token/introspection', { token: won?.access_token });
        assert.deepEqual(info.body, { active: false });
        assert.equal((await refresh(server, client, won?.refresh_token)).body.error, 'invalid_grant');
        const { knex } = server.database;
        const evidence = await knex('T_revoked_tokens');
        assert.deepEqual(
          evidence.map(({ reason }) => reason),
          [what === 'code' ? 'code_replay' : 'refresh_token_reuse'],
        );
        const events = await knex('T_auth_audit_log').where({ success: false, client_id: client.client_id });
        assert.ok(events.some(({ action }) => action === `${evidence[0].reason}.detected`));
      });
    }
  });
}
