import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wantsMail } from '../../src/identity/accounts/preferences.ts';
import { findAccount } from '../../src/identity/accounts/store.ts';
import { createConnectionNotices } from '../../src/identity/mail/connection-notices.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import type { Browser } from '../support/browser.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { startServer } from '../support/server.ts';

const PROFILE = '/account/profile';
const PREFERENCES = `${PROFILE}/preferences`;

async function tokens(browser: Browser) {
  const html = await (await browser.get(PROFILE)).text();
  const of = (action: string) =>
    String(
      new RegExp(`action="${action}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(html)?.[1],
    );
  return { html, profile: of(PROFILE), preferences: of(PREFERENCES) };
}

for (const engine of engines) {
  describe(`preferences on ${engine}`, () => {
    test('are merged: the look, the mail and a member of a later version survive each other', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const ada = await server.createAccount();
      const { browser } = await visit(server, ada, PROFILE);
      const settings = { theme: 'blinking', later: { kept: true }, mail: { of_a_later_version: true } };
      const row = { id: uuidv7(), created_at: new Date(), account_id: ada.id };
      await knex('T_user_preferences').insert({ ...row, settings: JSON.stringify(settings) });
      const { html, profile, preferences } = await tokens(browser);
      assert.equal(
        html.match(/name="mail_\w+" value="yes" checked/g)?.length,
        2,
        'all notices are mailed by default',
      );
      const names = { name: '', given_name: '', family_name: '', locale: '', zoneinfo: '' };
      const [look, mail] = await Promise.all([
        browser.post(PROFILE, { ...names, theme: 'dark', csrf: profile }),
        browser.post(PREFERENCES, { preferences: 'yes', mail_sign_in_request: 'yes', csrf: preferences }),
      ]);
      assert.deepEqual([look.status, mail.status], [303, 303]);
      assert.match(
        await textOf(await browser.get(`${PROFILE}?done=preferences`)),
        /Your preferences were changed/,
      );
      const stored = await knex('T_user_preferences').where({ account_id: ada.id });
      assert.deepEqual(
        stored.map((one) => JSON.parse(one.settings)),
        [
          {
            theme: 'dark',
            later: { kept: true },
            mail: { of_a_later_version: true, connection_broken: false, sign_in_request: true },
            default_connections: {},
          },
        ],
      );
      assert.equal(await wantsMail(knex, ada.id, 'connection_broken'), false);
      assert.equal(await wantsMail(knex, ada.id, 'sign_in_request'), true);
      const event = await knex('T_auth_audit_log').where({ action: 'account.updated' }).first();
      assert.deepEqual(JSON.parse(event.details).changed, ['preferences']);
    });

    test('choose one of several accounts at a service, and never that of another person', async (t) => {
      const server = await startServer(t, engine);
      const { database, services } = server;
      await services.connections.services.add({ accountId: null }, { name: 'motion', change: {} });
      const [ada, eve] = [await server.createAccount('ada'), await server.createAccount('eve')];
      const connect = async (account_id: string, email: string) => {
        const id = uuidv7();
        const own = { account_id, email, provider: 'motion', provider_user_id: email };
        await fill(database, 'T_user_providers', {
          id,
          sync_status: 'active',
          access_level: 'admin',
          ...own,
        });
        return id;
      };
      await connect(ada.id, 'ada@work.example');
      const { browser } = await visit(server, ada, PROFILE);
      assert.doesNotMatch((await tokens(browser)).html, /default_motion/, 'one account needs no choice');
      const home = await connect(ada.id, 'ada@home.example');
      const hers = await connect(eve.id, 'eve@home.example');
      const { preferences: csrf } = await tokens(browser);
      const refused = await browser.post(PREFERENCES, { csrf, default_motion: hers });
      assert.equal(refused.status, 400);
      assert.match(await refused.text(), /<a href="#default_motion">Choose one of your accounts/);
      await browser.post(PREFERENCES, { csrf, default_motion: home });
      const { html } = await tokens(browser);
      assert.match(html, new RegExp(`<option value="${home}" selected>ada@home.example`));
      await browser.post(PREFERENCES, { csrf, default_motion: '' });
      const row = await database.knex('T_user_preferences').where({ account_id: ada.id }).first();
      assert.deepEqual(JSON.parse(row.settings).default_connections, {});
    });
  });
}

test('a notice that was switched off is not mailed; one that is on is', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { knex } = server.database;
  const ada = await server.createAccount();
  const prefer = (mail: object) =>
    knex('T_user_preferences').insert({
      id: uuidv7(),
      created_at: new Date(),
      account_id: ada.id,
      settings: JSON.stringify({ mail }),
    });
  const { announce } = server.services.engineHooks.signInRequests;
  const sent: string[] = [];
  const notify = createConnectionNotices({
    knex,
    issuer: server.issuer,
    mail: { isEnabled: true, send: async ({ kind }) => void sent.push(kind) },
    findAccount,
    wantsMail: (accountId, notice) => wantsMail(knex, accountId, notice),
  });
  const tellBoth = async () => {
    announce(ada.id, { clientName: 'Harbour Till', bindingMessage: undefined });
    await server.settled();
    await notify(ada.id, 'Google', 'revoked');
  };
  await prefer({ connection_broken: false, sign_in_request: false });
  await tellBoth();
  assert.deepEqual([sent, await knex('T_auth_audit_log').where({ action: 'mail.sent' })], [[], []]);
  await knex('T_user_preferences').delete();
  await tellBoth();
  assert.deepEqual(sent, ['connection_broken']);
  assert.match((await server.sink.to(`${ada.email}`)).subject, /An application asks to sign you in/);
});
