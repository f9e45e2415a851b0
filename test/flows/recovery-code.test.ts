import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { newcomer, placeOf, register } from '../support/builders/passkey.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';

describe('a recovery code of an account without a password', () => {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  /** A browser without a session, at the form. */
  async function openForm() {
    const browser = new Browser(server.issuer);
    const login = await browser.follow(await browser.get(SECURITY));
    const link = /href="([^"]+\/recovery-code)"/.exec(await login.text())?.[1] ?? '';
    const form = await formOf(await browser.get(new URL(link, server.issuer).pathname));
    return {
      browser,
      send: (username: string, code: string) => browser.post(form.action, { ...form.fields, username, code }),
    };
  }
  const createCodes = (accountId: string) => server.services.secondFactor.recoveryCodes.create(accountId);

  test('opens the creation of a passkey, once, which then signs in; the page points at the lost key', async () => {
    const mei = await newcomer(server, 'mei');
    await server.database
      .knex('T_webauthn_credentials')
      .where({ account_id: mei.id })
      .update({ created_at: new Date(Date.now() - 3_600_000), last_used_at: null });
    const [code = '', unused = ''] = await createCodes(mei.id);
    const { browser, send } = await openForm();
    const answer = await send('Mei', code.toLowerCase());
    const page = await browser.follow(answer);
    assert.match(await textOf(page.clone()), /Create a new passkey for the account mei/);
    const place = { ...(await placeOf(page)), purpose: 'recovery', fields: { end: 'on' } };
    const done = await register(browser, place, new Authenticator(server.issuer));
    assert.equal(done.status, 200, JSON.stringify(done.body));
    const security = await browser.follow(await browser.get(new URL(String(done.body.location)).pathname));
    const shown = await textOf(security);
    assert.match(shown, /“This device” has not been used since you got back into your account/);
    assert.match(shown, /This device Lost\?/);
    assert.equal((await mei.browser.get(SECURITY)).status, 303, 'the earlier session has ended');

    const again = await openForm();
    assert.equal((await again.send('mei', code)).status, 401, 'a code works once');
    assert.equal((await again.send('mei', unused)).status, 303);
    const events = await server.database
      .knex('T_auth_audit_log')
      .where({ account_id: mei.id })
      .pluck('action');
    assert.ok(events.includes('recovery_code.used'));
  });

  test('is refused in the same way for everybody else', async () => {
    const noor = await newcomer(server, 'noor');
    const [code = ''] = await createCodes(noor.id);
    const ada = await server.createAccount('ada');
    const [ofPassword = ''] = await createCodes(ada.id);
    const texts = new Set<string>();
    const cases = [
      ['nobody', code],
      ['ada', ofPassword],
      ['ada', code],
      ['noor', 'ABCD-EFGH'],
      ['noor', ofPassword],
    ] as const;
    for (const [username, typed] of cases) {
      const { browser, send } = await openForm();
      const answer = await send(username, typed);
      assert.equal(answer.status, 401, `${username} ${typed}`);
      texts.add((await textOf(answer)).replaceAll(username, ''));
      assert.ok(![...browser.cookies.keys()].some((name) => name.endsWith('latchkey_recover')));
    }
    assert.equal(texts.size, 1);
    await server.database.knex('T_accounts').where({ id: noor.id }).update({ is_active: false });
    assert.equal((await (await openForm()).send('noor', code)).status, 401);
    assert.equal(await server.services.secondFactor.recoveryCodes.countUnused(noor.id), 10);
  });

  test('an administrator’s link works while the address of the sign-up is unconfirmed', async () => {
    const kim = await newcomer(server, 'kim');
    await server.database
      .knex('T_accounts')
      .where({ id: kim.id })
      .update({ requested_email: 'kim@harbour.example' });
    const { url } = await server.services.recovery.createRecoveryLink({ accountId: null }, 'kim');
    assert.ok(await server.services.recovery.findRecoveryLink(url.slice(-24)));
  });
});
