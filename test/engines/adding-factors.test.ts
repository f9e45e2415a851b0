import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/settings.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, walk } from '../support/builders/authorization.ts';
import { accountPlace, newcomer, placeOf, register, signInPage } from '../support/builders/passkey.ts';
import { forgot, openLink } from '../support/builders/password-reset.ts';
import {
  afterPassword,
  codeOf,
  secondFactorOf,
  sendCode,
  withApp,
} from '../support/builders/second-factor.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';
const RULES: Record<string, { secondFactor?: Config['secondFactor']; params?: Record<string, string> }> = {
  everyone: { secondFactor: { everyone: true, scopes: [], roles: [] } },
  'a scope': {
    secondFactor: { everyone: false, scopes: ['billing:*'], roles: [] },
    params: { scope: 'openid billing:read' },
  },
  'a role': { secondFactor: { everyone: false, scopes: [], roles: ['treasurer'] } },
  acr_values: { params: { acr_values: 'mfa' } },
};

/** Ways in which an account comes to have recovery codes and no other factor. */
const WAYS: Record<string, (server: TestServer, account: { id: string; username: string }) => Promise<void>> =
  {
    'the app was removed': async (server, ada) => {
      await withApp(server, ada);
      await secondFactorOf(server).totp.remove(ada.id);
    },
    'an operator removed the only key': async (server, ada) => {
      const id = uuidv7();
      const key = {
        id,
        account_id: ada.id,
        kind: 'security_key',
        signed_at: new Date(),
        authenticator: '{}',
      };
      await fill(server.database, 'T_webauthn_credentials', key);
      await server.services.passkeys.credentials.remove(ada.id, id, null);
    },
  };

async function begin(t: TestContext, engine: EngineName, way: string, config: Partial<Config> = {}) {
  const server = await startServer(t, engine, { config });
  const client = await server.createClient({ scope: 'openid profile email billing:read' });
  const ada = await server.createAccount('ada', 'openid profile email billing:*');
  await WAYS[way]?.(server, ada);
  const { knex } = server.database;
  await knex('T_account_roles').insert({
    id: ada.id,
    created_at: new Date(),
    account_id: ada.id,
    role: 'treasurer',
  });
  await knex('T_user_sessions').where({ account_id: ada.id }).update({ is_active: false });
  const codes = await secondFactorOf(server).recoveryCodes.create(ada.id);
  const factors = () => secondFactorOf(server).getFactors(ada.id);
  return { server, client, ada, codes, factors };
}

for (const engine of engines) {
  const rules = Object.entries(RULES).slice(0, engine === 'sqlite' ? undefined : 1);
  describe(`a factor is added only after those that are there on ${engine}`, () => {
    for (const way of Object.keys(WAYS))
      for (const [rule, { secondFactor, params = {} }] of rules)
        test(`a recovery code comes before a new factor: ${way}, required by ${rule}`, async (t) => {
          const { server, client, codes, factors } = await begin(
            t,
            engine,
            way,
            secondFactor && { secondFactor },
          );
          const { browser, next } = await afterPassword(server, client, params);
          const html = await next.clone().text();
          assert.match(html, /<h1>Use a recovery code<\/h1>/);
          const [, csrf = '', interaction = ''] =
            /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
          for (const ceremony of ['security_key', 'passkey', 'upgrade']) {
            const place = { csrf, interaction, ceremony };
            const added = await register(browser, place, new Authenticator(server.issuer));
            assert.equal(added.status, 403, ceremony);
          }
          // An app whose secret was made by somebody who knew only the password.
          const { totp } = secondFactorOf(server);
          const account = await server.services.accounts.show('ada');
          const { secret } = await totp.startSetup(account.id, 'ada');
          assert.equal((await sendCode(browser, next.clone(), codeOf(secret))).status, 401);
          assert.deepEqual(await factors().then(({ keys, totp: app }) => ({ keys, app })), {
            keys: 0,
            app: false,
          });
          const consent = await sendCode(browser, next, String(codes[0]));
          assert.match(await consent.text(), /Allow/);
        });

    test('a session that showed no second factor shows a recovery code before it adds or replaces a factor', async (t) => {
      const { server, client, ada, codes, factors } = await begin(t, engine, 'the app was removed');
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(client), ada);
      const page = await (await browser.get(SECURITY)).text();
      assert.doesNotMatch(page, /data-passkey="create"|data-upgrade/);
      for (const ceremony of ['security_key', 'passkey', 'upgrade']) {
        const place = { ...(await accountPlace(server, ada.id)), ceremony };
        assert.equal(
          (await register(browser, place, new Authenticator(server.issuer))).status,
          403,
          ceremony,
        );
      }
      for (const path of [`${SECURITY}/app`, `${SECURITY}/recovery-codes`]) {
        const form = new RegExp(`action="${path}">.*?</form>`, 's').exec(page)?.[0] ?? '';
        const hidden = form.matchAll(/type="hidden" name="(\w+)" value="([^"]+)"/g);
        const fields = Object.fromEntries([...hidden].map(([, name, value]) => [name, value]));
        const answer = await browser.post(path, fields);
        assert.match(String(answer.headers.get('location')), /^\/auth\?.*acr_values=mfa/, path);
      }
      assert.equal((await factors()).recoveryCodes, 10);

      const stronger = await signInPage(server, client, { acr_values: 'mfa', prompt: 'login' }, browser);
      const again = await browser.get(`${stronger.place.interaction}`);
      const { action, fields } = await formOf(again);
      const asked = await browser.follow(
        await browser.post(action, { ...fields, username: ada.username, password: ada.password }),
      );
      await sendCode(browser, asked, String(codes[0]));
      const place = { ...(await accountPlace(server, ada.id)), ceremony: 'security_key' };
      const added = await register(browser, place, new Authenticator(server.issuer));
      assert.deepEqual([added.status, added.body.is_signed], [200, true]);
    });

    test('a session that the policy no longer accepts adds no key', async (t) => {
      const { server, client, ada } = await begin(t, engine, 'the app was removed');
      await server.database.knex('T_recovery_codes').delete();
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(client), ada);
      const { storage, issuer } = server;
      const secondFactor = { everyone: true, scopes: [], roles: [] };
      const strict = await startServer(t, engine, { storage, config: { issuer, secondFactor } });
      const other = new Browser(`http://127.0.0.1:${strict.config.port}`, issuer);
      for (const [name, cookie] of browser.cookies) other.cookies.set(name, cookie);
      const place = await accountPlace(server, ada.id);
      assert.equal((await register(other, place, new Authenticator(issuer))).status, 403);
    });

    test('a mailed recovery link needs a recovery code too, while the account has some', async (t) => {
      const server = await startServer(t, engine, { config: { recoverByEmail: true } });
      const mei = await newcomer(server, 'mei');
      const email = 'mei@harbour.example';
      await server.database.knex('T_accounts').where({ id: mei.id }).update({ email, email_verified: true });
      const codes = await secondFactorOf(server).recoveryCodes.create(mei.id);
      await forgot(server, email);
      const { link = '' } = await server.sink.to(email);
      const { browser, page } = await openLink(server, link);
      assert.match(await page.clone().text(), /<label for="code">Recovery code<\/label>/);
      const place = { ...(await placeOf(page)), purpose: 'recovery' };
      const key = new Authenticator(server.issuer);
      for (const fields of [{}, { code: 'x' }, { code: '' }])
        assert.equal((await register(browser, { ...place, fields }, key)).status, 401);
      const fields = { code: String(codes[0]), end: 'on' };
      assert.equal((await register(browser, { ...place, fields }, key)).status, 200);
      assert.equal(await secondFactorOf(server).recoveryCodes.countUnused(mei.id), 9);
    });
  });
}
