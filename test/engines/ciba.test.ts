import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import {
  answerRequest,
  askForSignIn,
  CIBA,
  createTill,
  pollForTokens,
  REQUESTS,
} from '../support/builders/ciba.ts';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`a request without a browser (CIBA) on ${engine}`, () => {
    test('is answered once, at whichever of two servers comes first, and redeemed once', async (t) => {
      const server = await startServer(t, engine);
      const twin = await startServer(t, engine, {
        storage: server.storage,
        config: { issuer: server.issuer },
      });
      const till = await createTill(server);
      const ada = await server.createAccount();
      const { browser } = await visit(server, ada, REQUESTS);
      const elsewhere = Object.assign(new Browser(`http://127.0.0.1:${twin.config.port}`, server.issuer), {
        cookies: new Map(browser.cookies),
      });
      for (let round = 0; round < 3; round += 1) {
        const { body } = await askForSignIn(server, till, { login_hint: 'ada' });
        const { action, fields } = await formOf(await browser.get(REQUESTS));
        const answers = await Promise.all([
          browser.post(action, { ...fields, decision: 'approve' }),
          elsewhere.post(action, { ...fields, decision: 'deny' }),
        ]);
        const done = answers.map(({ status }) => status);
        assert.equal(done.filter((status) => status === 303).length, 1, String(done));
        const polls = await Promise.all([1, 2, 3].map(() => pollForTokens(server, till, body.auth_req_id)));
        const approved = done[0] === 303;
        assert.equal(polls.filter(({ status }) => status === 200).length, approved ? 1 : 0);
        if (!approved) assert.ok(polls.some(({ body: { error } }) => error === 'access_denied'));
      }
    });

    test('is refused for an account that is closing, however it is named', async (t) => {
      const server = await startServer(t, engine);
      const till = await server.createClient({ grantTypes: ['authorization_code', CIBA] });
      const ada = await server.createAccount();
      const { tokens } = await signInWith(server, till, ada, { scope: 'openid' });
      const hints = [{ login_hint: 'ada' }, { id_token_hint: String(tokens.body.id_token) }];
      const ask = async () => {
        const answers = [];
        for (const hint of hints) answers.push((await askForSignIn(server, till, hint)).body.error);
        return answers;
      };
      assert.deepEqual(await ask(), [undefined, undefined]);
      await server.database.knex('T_accounts').update({ closing_at: new Date(Date.now() + 60_000) });
      assert.deepEqual(await ask(), ['unknown_user_id', 'unknown_user_id']);
    });

    test('ends with the account, and with signing out everywhere', async (t) => {
      const server = await startServer(t, engine);
      const till = await createTill(server);
      const ada = await server.createAccount();
      const { body } = await askForSignIn(server, till, { login_hint: 'ada' });
      const { browser } = await visit(server, ada, REQUESTS);
      await answerRequest(browser, 'approve');
      await server.accounts.disable({ accountId: null }, 'ada');
      assert.equal((await pollForTokens(server, till, body.auth_req_id)).status, 400);
      assert.equal((await askForSignIn(server, till, { login_hint: 'ada' })).body.error, 'unknown_user_id');
    });
  });
}
