import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { Browser, formOf } from '../support/browser.ts';
import { newcomer } from '../support/builders/passkey.ts';
import { openLink } from '../support/builders/password-reset.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const SECURITY = '/account/security';
const PROFILE = '/account/profile';
const AT_ONCE = 4;

const atOnce = <T>(work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: AT_ONCE }, (_, index) => work(index)));

for (const engine of engines)
  describe(`simultaneous requests of one account on ${engine}`, () => {
    test('use a recovery code once, and the link of a mail once, and keep one picture', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;

      const mei = await newcomer(server, 'mei');
      const [code = ''] = await server.services.secondFactor.recoveryCodes.create(mei.id);
      const forms = await atOnce(async () => {
        const browser = new Browser(server.issuer);
        const login = await browser.follow(await browser.get(SECURITY));
        const link = /href="([^"]+\/recovery-code)"/.exec(await login.text())?.[1] ?? '';
        return { browser, ...(await formOf(await browser.get(new URL(link, server.issuer).pathname))) };
      });
      const answers = await Promise.all(
        forms.map(({ browser, action, fields }) =>
          browser.post(action, { ...fields, username: 'mei', code }),
        ),
      );
      assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, 401, 401, 401]);

      const ada = await server.createAccount('ada');
      await knex('T_accounts').where({ id: ada.id }).update({ email_verified: true });
      const { browser } = await visit(server, ada, SECURITY);
      const change = await formOf(await browser.get(SECURITY));
      await browser.post(change.action, {
        ...change.fields,
        current: PASSWORD,
        password: 'seven boats on the tide',
      });
      await server.settled();
      const link = server.sink.mails.at(-1)?.link ?? '';
      const opened = await atOnce(async () => {
        const from = new Browser(server.issuer);
        return { from, ...(await formOf((await openLink(server, link, from)).page)) };
      });
      const pressed = await Promise.all(opened.map(({ from, action, fields }) => from.post(action, fields)));
      assert.deepEqual(pressed.map(({ status }) => status).toSorted(), [200, 400, 400, 400]);
      assert.equal((await browser.get(SECURITY)).status, 303);
      const events = await knex('T_auth_audit_log').where({ account_id: ada.id, action: 'change.disputed' });
      assert.equal(events.length, 1);

      const ines = await server.createAccount('ines');
      const owner = await visit(server, ines, PROFILE);
      const html = await owner.page.text();
      const [, csrf = ''] =
        /picture"[^>]*>\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(html) ?? [];
      const uploaded = await atOnce(async (index) => {
        const create = { width: 40 + index, height: 40, channels: 3 as const, background: '#1d5f4a' };
        const form = new FormData();
        form.append('csrf', csrf);
        form.append('picture', new Blob([new Uint8Array(await sharp({ create }).png().toBuffer())]), 'x.png');
        const headers = { origin: server.issuer };
        return owner.browser.request(`${PROFILE}/picture`, { method: 'POST', body: form, headers });
      });
      for (const answer of uploaded) assert.equal(answer.status, 303, await answer.text());
      assert.equal((await knex('T_user_pictures').where({ account_id: ines.id })).length, 1);
      const page = await (await owner.browser.get(PROFILE)).text();
      const [, url = ''] = /<img class="avatar" src="([^"]+)"/.exec(page) ?? [];
      assert.equal((await fetch(new URL(url, server.issuer))).status, 200);
      assert.match(await textOf(await owner.browser.get('/account/data')), /Close/);
    });
  });
