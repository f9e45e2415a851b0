import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formOf } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { isAsked, OFFLINE } from '../support/builders/consent.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const SECURITY = '/account/security';

for (const engine of engines)
  describe(`consent that a thief has given, on ${engine}`, () => {
    /** An account whose thief has allowed an application in their own browser and in the owner's session. */
    async function begin(t: Parameters<typeof startServer>[0]) {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const client = await server.createClient();
      const ada = await server.createAccount();
      const email = `${ada.username}@harbour.example`;
      await knex('T_accounts').where({ id: ada.id }).update({ email, email_verified: true });
      const { browser } = await visit(server, ada, SECURITY);
      await signInWith(server, client, ada, OFFLINE, browser);
      await signInWith(server, client, ada, OFFLINE);
      const mei = await server.createAccount('mei');
      await signInWith(server, client, mei, OFFLINE);
      const silent = async () => {
        const request = authorization(client, { ...OFFLINE, prompt: 'none' });
        return answerOf(await browser.get(authorizeUrl(request)));
      };
      const asks = (password: string) => isAsked(server, client, { ...ada, password }, OFFLINE);
      assert.equal(await asks(PASSWORD), false);
      const changePassword = async () => {
        const { action, fields } = await formOf(await browser.get(SECURITY));
        return browser.post(action, { ...fields, current: PASSWORD, password: NEW_PASSWORD });
      };
      const reset = async (password: string) => {
        const opened = await openLink(server, await resetLink(server, email));
        assert.equal((await send(opened.browser, opened.page, { password })).status, 303);
      };
      const assertForgotten = async (password: string) => {
        assert.deepEqual(await knex('T_consents').pluck('account_id'), [mei.id]);
        assert.equal(await asks(password), true);
        assert.equal(await isAsked(server, client, mei, OFFLINE), false);
      };
      return { server, ada, email, silent, changePassword, reset, assertForgotten };
    }

    test('is forgotten after a change of the password, also in the session that stays', async (t) => {
      const { silent, changePassword, assertForgotten } = await begin(t);
      assert.ok((await silent()).get('code'));
      assert.equal((await changePassword()).status, 303);
      assert.equal((await silent()).get('error'), 'consent_required');
      await assertForgotten(NEW_PASSWORD);
    });

    test('is forgotten after a reset by mail', async (t) => {
      const { reset, assertForgotten } = await begin(t);
      await reset(NEW_PASSWORD);
      await assertForgotten(NEW_PASSWORD);
    });

    test('is forgotten after "This was not me"', async (t) => {
      const { server, ada, email, changePassword } = await begin(t);
      await changePassword();
      await server.settled();
      const { link = '' } = await server.sink.to(email);
      // Given after the change, by somebody who knew the new password.
      const client = await server.createClient();
      await signInWith(server, client, { ...ada, password: NEW_PASSWORD }, OFFLINE);
      const opened = await openLink(server, link);
      assert.equal((await send(opened.browser, opened.page)).status, 200);
      const left = await server.database.knex('T_consents').pluck('account_id');
      assert.equal(left.includes(ada.id), false);
    });
  });
