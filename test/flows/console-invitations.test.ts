import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import {
  create,
  INVITE as NEW,
  INVITATIONS as PATH,
  signedIn,
  textOf,
} from '../support/builders/signed-in.ts';
import { withoutOwnScript } from '../support/page-script.ts';
import { startServer } from '../support/server.ts';

describe("the administrator's invitations", { concurrency: true }, () => {
  test('are open only to holders of latchkey:invitations', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { id } = await invite(server, { label: 'Ines' });
    const browsers = {
      anonymous: new Browser(server.issuer),
      plain: await signedIn(server, 'plain', 'openid profile'),
      wrong: await signedIn(server, 'wrong', 'openid latchkey:clients latchkey:audit'),
      disabled: await signedIn(server, 'disabled'),
      reader: await signedIn(server, 'reader', 'openid latchkey:invitations.read'),
      holder: await signedIn(server, 'holder'),
      all: await signedIn(server, 'all', '*:*'),
    };
    await server.database.knex('T_accounts').where({ username: 'disabled' }).update({ is_active: false });
    const gets = ['/admin', PATH, NEW, `${PATH}/${id}`];
    const statuses: Record<string, number[]> = {};
    for (const [who, browser] of Object.entries(browsers)) {
      statuses[who] = [];
      for (const path of gets) statuses[who].push((await browser.get(path)).status);
      for (const path of [NEW, `${PATH}/${id}/revoke`])
        statuses[who].push((await browser.post(path, { scope: 'openid' })).status);
    }
    // The form would be shown again after a sign-in.
    const nobody = [303, 303, 303, 303, 303, 303];
    const refused = [303, 403, 403, 403, 403, 403];
    assert.deepEqual(statuses, {
      anonymous: nobody,
      disabled: nobody,
      plain: refused,
      wrong: refused,
      reader: [303, 200, 403, 200, 403, 403],
      // With everything but the form's token.
      holder: [303, 200, 200, 200, 403, 403],
      all: [303, 200, 200, 200, 403, 403],
    });
    const location = (await browsers.anonymous.get(PATH)).headers.get('location') ?? '';
    assert.equal(new URL(location, server.issuer).searchParams.get('state'), PATH);
    const page = await textOf(await browsers.plain.get(PATH));
    assert.match(page, /do not have access/);
    assert.doesNotMatch(page, /Ines/);
    assert.equal((await server.database.knex('T_invitations')).length, 1);
    assert.equal((await server.invitations.show(OPERATOR, id)).state, 'waiting');
    assert.doesNotMatch(await textOf(await browsers.reader.get(PATH)), /Invite someone/);
    assert.doesNotMatch(await textOf(await browsers.reader.get(`${PATH}/${id}`)), /Withdraw/);
    assert.match(await textOf(await browsers.holder.get('/')), /Administration/);
    assert.doesNotMatch(await textOf(await browsers.plain.get('/')), /Administration/);
  });

  test('show the code once with its QR code, and it works', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const made = await create(browser, { label: 'Ines Duarte', scope: 'openid notes:read', max_uses: '2' });
    assert.deepEqual([made.status, made.headers.get('cache-control')], [200, 'no-store']);
    const html = await made.text();
    const code = /<p class="code">([0-9A-Z-]{35})<\/p>/.exec(html)?.[1] ?? '';
    assert.match(html, /<img class="qr" src="data:image\/svg\+xml;base64,[\w+/=]+"/);
    assert.doesNotMatch(made.headers.get('content-security-policy') ?? '', /unsafe/);
    const [row] = await server.database.knex('T_invitations');
    assert.deepEqual([row.label, row.max_uses, row.uses], ['Ines Duarte', 2, 0]);
    assert.ok(!JSON.stringify(row).includes(code.replaceAll('-', '')));
    for (const path of [PATH, `${PATH}/${row.id}`, NEW])
      assert.ok(!(await (await browser.get(path)).text()).includes(code));

    const offer = await open(server, code);
    await offer.browser.follow(await signUp(offer.browser, offer.page, { username: 'ines' }));
    const ledger = await textOf(await browser.get(`${PATH}/${row.id}`));
    assert.match(ledger, /ines \d+ \w+ \d{4}, \d\d:\d\d UTC 127\.0\.0\.1 openid notes:read/);
    assert.match(ledger, /1 of 2/);
    assert.match(ledger, /From ada/);
    const log = await server.database.knex('T_auth_audit_log').where({ action: 'invitation.created' });
    const ada = await server.accounts.show('ada');
    assert.deepEqual(
      log.map(({ actor_id, target }) => [actor_id, target]),
      [[ada.id, row.id]],
    );
  });

  test('grant each role once, and so says the audit log', async (t) => {
    const server = await startServer(t, 'sqlite');
    const made = await invite(server, { roles: ['staff', 'staff', 'editor'] });
    assert.deepEqual(made.roles, ['staff', 'editor']);
    const [event] = await server.database.knex('T_auth_audit_log').where({ action: 'invitation.created' });
    assert.deepEqual(JSON.parse(event.details).roles, ['staff', 'editor']);
  });

  test('come as a set of up to 1,000 on one sheet, each with a code and a QR code of its own', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const html = await (await create(browser, { count: '1000', label: 'Open day' })).text();
    const codes = [...html.matchAll(/<b>([0-9A-Z-]{35})<\/b>/g)].map(([, code = '']) => code);
    assert.equal(new Set(codes).size, 1000);
    const images = [...html.matchAll(/data:image\/svg[^"]+/g)].map(([image]) => image);
    assert.equal(new Set(images).size, 1000);
    const { page } = await open(server, codes.at(-1) ?? '');
    assert.match(await textOf(page), /ada invited you/);
  });

  test('of an administrator cannot be revoked by people who may only invite, and they do not see the set-up link', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const setUp = new URL((await server.invitations.createSetUpLink(OPERATOR)).url).searchParams.get('code');
    const root = await open(server, setUp ?? '');
    await signUp(root.browser, root.page, { username: 'root' });
    const setUpPath = `${PATH}/00000000-0000-7000-8000-000000000001`;
    assert.equal((await browser.get(setUpPath)).status, 404);
    const { code, id } = await invite(server, {
      scope: 'openid notes:read files:write',
      roles: ['editor'],
    });
    const came = await open(server, code);
    await signUp(came.browser, came.page, { username: 'mei' });
    const { action, fields } = await formOf(await browser.get(`${PATH}/${id}`));
    assert.equal((await browser.post(action, { ...fields, withdraw: 'yes' })).status, 403);
    const actor = { accountId: (await server.accounts.show('ada')).id };
    for (const one of [id, '00000000-0000-7000-8000-000000000001'])
      await assert.rejects(server.invitations.revoke(actor, one, { withdraw: true }));
    assert.equal((await server.invitations.show(OPERATOR, id)).state, 'used');
    assert.deepEqual((await server.accounts.show('mei')).scopes, ['openid', 'notes:read', 'files:write']);
    assert.deepEqual((await server.accounts.show('root')).scopes, ['*:*']);
  });

  test('are withdrawn by the one who invited only while they still hold what they gave', async (t) => {
    const server = await startServer(t, 'sqlite');
    const bob = await server.createAccount('bob', '*:*');
    const actor = { accountId: bob.id };
    const input = { scope: 'openid latchkey:accounts', roles: ['editor'] };
    const [{ code = '', id = '' } = {}] = await server.invitations.create(actor, input);
    const came = await open(server, code);
    await signUp(came.browser, came.page, { username: 'carol' });
    const withdraw = () => server.invitations.revoke(actor, id, { withdraw: true });
    await server.accounts.update(OPERATOR, 'bob', { scope: 'openid latchkey:invitations' });
    await assert.rejects(withdraw(), /You do not hold latchkey:accounts, so you cannot withdraw it/);
    await server.accounts.update(OPERATOR, 'bob', { scope: 'openid latchkey:invitations latchkey:accounts' });
    await assert.rejects(withdraw(), /You do not hold the role editor/);
    assert.deepEqual((await server.accounts.show('carol')).scopes, ['openid', 'latchkey:accounts']);
    await server.accounts.roles.grant(OPERATOR, { username: 'bob', role: 'editor' });
    assert.deepEqual((await withdraw()).withdrawn_from, ['carol']);
  });

  test('are revoked by a form, with the access they gave only if that is asked for', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const { code, id } = await invite(server, {
      scope: 'openid notes:read',
      roles: ['editor'],
      maxUses: 9,
    });
    await server.accounts.roles.grant(OPERATOR, { username: 'ada', role: 'editor' });
    const came = await open(server, code);
    await signUp(came.browser, came.page, { username: 'mei' });
    const late = await open(server, code);
    const form = await formOf(await browser.get(`${PATH}/${id}`));
    const answer = await browser.post(form.action, form.fields);
    assert.equal(answer.status, 303);
    assert.match(await textOf(await browser.follow(answer)), /This invitation was revoked/);
    assert.match(await textOf(await signUp(late.browser, late.page, { username: 'late' })), /was withdrawn/);
    assert.deepEqual((await server.accounts.show('mei')).scopes, ['openid', 'notes:read']);
    const again = await formOf(await browser.get(`${PATH}/${id}`));
    assert.equal(again.fields.withdraw, 'yes');
    await browser.post(again.action, again.fields);
    const mei = await server.accounts.show('mei');
    assert.deepEqual([mei.scopes, mei.roles], [[], []]);
    assert.equal(mei.invitations[0]?.id, id);
    const log = await server.database.knex('T_auth_audit_log').where({ action: 'invitation.revoked' });
    const ada = await server.accounts.show('ada');
    assert.deepEqual(
      log.map(({ actor_id, target }) => [actor_id, target]),
      [
        [ada.id, id],
        [ada.id, id],
      ],
    );
  });

  test('run no script from a label, an address or a username', async (t) => {
    const server = await startServer(t, 'sqlite');
    const bad = '"><script>alert(1)</script>';
    const browser = await signedIn(server, 'ada');
    const made = await (await create(browser, { label: bad })).text();
    const failed = await (await create(browser, { label: bad, email: bad, roles: bad, scope: bad })).text();
    const { knex } = server.database;
    const [{ id }] = await knex('T_invitations');
    await knex('T_invitations').update({ email: bad });
    const came = await server.createAccount('mei');
    await knex('T_accounts').update({ name: bad });
    await knex('T_accounts').where({ id: came.id }).update({ username: bad });
    const now = new Date();
    const row = { invitation_id: id, redeemed_by: came.id, scopes: '[]', roles: JSON.stringify([bad]) };
    await knex('T_invitation_redemptions').insert({ id: 'r', created_at: now, redeemed_at: now, ...row });
    const pages = [made, failed];
    for (const path of [PATH, `${PATH}/${id}`, `${PATH}?search=${encodeURIComponent(bad)}`])
      pages.push(await (await browser.get(path)).text());
    for (const html of pages) {
      assert.doesNotMatch(withoutOwnScript(html), /<script/);
      assert.ok(html.includes('&lt;script&gt;'));
    }
  });
});
